// First part of the clock (clock.py joins the parts): what the model holds, as numbers.

const MINUTE = 60; // seconds

function floats(view) {
  if (!view?.byteLength) return new Float32Array();
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// The weights with everything that every drawing needs; read anew only when Python sends some.
function readData(model) {
  const data = { words: model.get("words"), whole: model.get("whole"), unit: model.get("unit") };
  data.minutes = model.get("span")[1] > MINUTE;
  data.truth = model.get("truth");
  const seconds = floats(model.get("seconds"));
  data.weights = floats(model.get("weights"));
  data.count = seconds.length / 2;
  data.start = (token) => seconds[2 * token];
  data.end = (token) => seconds[2 * token + 1];
  data.at = (row, token) => data.weights[row * data.count + token] ?? 0;
  data.lanes = model.get("lanes").map((lane) => ({ ...lane, scale: scalesOf(data, lane) }));
  return data;
}

// From the lowest to the highest weight: one scale for all words, one for the whole caption.
function scalesOf(data, lane) {
  const words = [Infinity, -Infinity];
  const whole = [Infinity, -Infinity];
  data.words.forEach((_, row) => {
    const scale = row === data.whole ? whole : words;
    for (const token of lane.tokens) {
      scale[0] = Math.min(scale[0], data.at(row, token));
      scale[1] = Math.max(scale[1], data.at(row, token));
    }
  });
  return (row) => (row === data.whole ? whole : words);
}

function heatOf(data, lane, row, token) {
  const [low, high] = lane.scale(row);
  return high > low ? (data.at(row, token) - low) / (high - low) : 0;
}

function strongest(data, lane, row) {
  return lane.tokens.reduce((best, token) => (data.at(row, token) > data.at(row, best) ? token : best));
}

// What each word takes from all tokens that cover this second.
function wordsAt(data, second) {
  const totals = data.words.map(() => 0);
  for (let token = 0; token < data.count; token += 1) {
    if (data.start(token) > second || data.end(token) <= second) continue;
    totals.forEach((_, row) => { totals[row] += data.at(row, token); });
  }
  return totals;
}

// The moments that are marked: those of a row and a lane that are there.
function truthShown(data, rows) {
  return data.truth.filter(({ row, lane }) => rows.includes(row) && data.lanes.some(({ name }) => name === lane));
}

// How much of a row's heat lies on the tokens that touch some seconds, and how much would by chance.
function shareOn(data, lane, row, spans) {
  let [there, whole, count] = [0, 0, 0];
  for (const token of lane.tokens) {
    const touches = spans.some(([start, end]) => data.start(token) < end && data.end(token) > start);
    whole += data.at(row, token);
    there += touches ? data.at(row, token) : 0;
    count += touches ? 1 : 0;
  }
  const chance = count / Math.max(lane.tokens.length, 1);
  return { share: whole > 0 ? there / whole : chance, chance };
}

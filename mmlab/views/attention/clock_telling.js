// Second part of the clock: numbers as words; telling.py says seconds and weights alike.

const WORDS_TOLD = 4;
const LEAST_SHARE = 0.0001; // what is less is not told apart

function twoDigits(number) {
  return Number(number.toPrecision(2)).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 12 });
}

function amount(data, weight) {
  if (data.unit !== "%") return twoDigits(weight);
  return weight > 0 && weight < LEAST_SHARE ? "< 0.01 %" : `${twoDigits(100 * weight)} %`;
}

function timeText(data, second) {
  if (!data.minutes) return second.toFixed(1);
  const tenths = Math.round(10 * second);
  return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

function withUnit(data, text) {
  return data.minutes ? text : `${text} s`;
}

function wordText(data, row) {
  if (row !== data.whole) return data.words[row];
  return data.words.length > 1 ? "whole caption" : "everything";
}

function nameOf(data, row) {
  return row === data.whole ? wordText(data, row) : `“${wordText(data, row)}”`;
}

function tellToken(data, row, token) {
  const both = [data.start(token), data.end(token)].map((second) => timeText(data, second));
  return `${withUnit(data, both.join(" to "))} (${amount(data, data.at(row, token))})`;
}

function tellWord(data, row) {
  const heats = data.lanes.filter((lane) => lane.tokens.length);
  if (!(row in data.words) || !heats.length) return "";
  const told = heats.map((lane) => `${lane.what} at ${tellToken(data, row, strongest(data, lane, row))}`);
  return `Strongest for ${nameOf(data, row)}: ${told.join(", ")}.`;
}

// The words that look at a second; where there are none, how hot each lane is there.
function tellSecond(data, second) {
  const rows = data.words.map((_, row) => row).filter((row) => row !== data.whole);
  const totals = wordsAt(data, second);
  const looking = rows.filter((row) => totals[row] > 0).sort((a, b) => totals[b] - totals[a]);
  const told = looking.slice(0, WORDS_TOLD).map((row) => `${nameOf(data, row)} ${amount(data, totals[row])}`);
  const none = rows.length ? "no word looks here" : "nothing looks here";
  if (!rows.length && totals[data.whole] > 0) told.push(amount(data, totals[data.whole]));
  return `At ${withUnit(data, timeText(data, second))}: ${told.join(", ") || none}.`;
}

// How much of the heat lies on the seconds at which what is said is really there.
function tellTruth(data, row) {
  const told = data.truth.filter((one) => one.row === row).map(({ lane: name, what, spans }) => {
    const lane = data.lanes.find((one) => one.name === name);
    if (!lane) return "";
    const { share, chance } = shareOn(data, lane, row, spans);
    const [here, expected] = [share, chance].map((part) => `${Math.round(100 * part)} %`);
    return `${here} of the heat over ${lane.what} lies on the true seconds (${what}; ${expected} by chance)`;
  });
  return told.filter(Boolean).length ? `${told.filter(Boolean).join(", ")}.` : "";
}

function tellLane(data, lane, row) {
  if (!lane.tokens.length || !(row in data.words)) return lane.label;
  const token = tellToken(data, row, strongest(data, lane, row));
  return `${lane.label} for ${nameOf(data, row)}: strongest from ${token}`;
}

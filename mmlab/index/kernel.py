"""The one loop over every byte of an index; numba compiles it once and keeps it on disk."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, fastmath=True, cache=True)
def coded_products(
    codes: np.ndarray, scales: np.ndarray, questions: np.ndarray, products: np.ndarray
) -> None:
    """Write the inner products of questions (Q, P) with rows (n, P) into `products` (Q, n)."""
    for row in range(codes.shape[0]):
        for question in range(questions.shape[0]):
            product = np.float32(0)
            for place in range(codes.shape[1]):
                product += np.float32(codes[row, place]) * questions[question, place]
            products[question, row] = product * scales[row]

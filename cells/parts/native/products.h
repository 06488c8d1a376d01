// Matrix products whose right factor is packed once and used at every step.
//
// Legend: M rows of the left factor, K columns of it, N columns of the right one. A panel is a few
// vectors of columns of the right factor, row after row.

#pragma once

#include <ATen/Parallel.h>
#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace recurbench {

template <class T>
using Vec = at::vec::Vectorized<T>;

#if defined(CPU_CAPABILITY_AVX512)
constexpr int ROWS = 8;  // ROWS * VECTORS sums and VECTORS factors fit in the registers
#else
constexpr int ROWS = 4;
#endif
constexpr int VECTORS = 3;
constexpr int64_t DEPTH = 512;       // rows of a packed factor that stay in the cache
constexpr int64_t WORTH = 1 << 19;   // multiplications that are worth a thread

// A matrix by its first number and the distance between neighbours down and across.
template <class T>
struct Matrix {
  T* data;
  int64_t down;
  int64_t across;
  T* at(int64_t row, int64_t column) const { return data + row * down + column * across; }
};

// The sums of a few rows and one panel; the last vector may be narrower.
template <class T, int R, int V>
void tile(int64_t K, Matrix<const T> a, const T* panel, Matrix<T> c, int last, bool add) {
  constexpr int W = Vec<T>::size();
  Vec<T> sums[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      int width = v == V - 1 ? last : W;
      sums[r][v] = add ? Vec<T>::loadu(c.at(r, v * W), width) : Vec<T>(T(0));
    }
  for (int64_t k = 0; k < K; ++k, panel += V * W) {
    Vec<T> right[V];
    for (int v = 0; v < V; ++v) right[v] = Vec<T>::loadu(panel + v * W);
    for (int r = 0; r < R; ++r) {
      Vec<T> left(*a.at(r, k));
      for (int v = 0; v < V; ++v) sums[r][v] = at::vec::fmadd(left, right[v], sums[r][v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sums[r][v].store(c.at(r, v * W), v == V - 1 ? last : W);
}

// Chooses the tile of a number of rows and vectors that are known now.
template <class T, int R, int V>
void sized_tile(
    int rows, int vectors, int64_t K, Matrix<const T> a, const T* panel, Matrix<T> c, int last,
    bool add) {
  if constexpr (R > 1) {
    if (rows < R) return sized_tile<T, R - 1, V>(rows, vectors, K, a, panel, c, last, add);
  }
  if constexpr (V > 1) {
    if (vectors < V) return sized_tile<T, R, V - 1>(rows, vectors, K, a, panel, c, last, add);
  }
  tile<T, R, V>(K, a, panel, c, last, add);
}

// A right factor (K, N), panel after panel, all of nearly the same number of vectors.
template <class T>
class Packed {
 public:
  Packed(int64_t K, int64_t N) : K(K), N(N) {
    constexpr int W = Vec<T>::size();
    int64_t vectors = (N + W - 1) / W, panels = (vectors + VECTORS - 1) / VECTORS;
    for (int64_t p = 0; p <= panels; ++p) begins.push_back(vectors * p / std::max<int64_t>(panels, 1));
    numbers.resize(K * vectors * W);
  }

  Packed(Matrix<const T> b, int64_t K, int64_t N) : Packed(K, N) { pack(b, K); }

  void pack(Matrix<const T> b, int64_t depth) {
    constexpr int W = Vec<T>::size();
    K = depth;
    for (size_t p = 0; p + 1 < begins.size(); ++p) {
      int64_t first = begins[p] * W, width = (begins[p + 1] - begins[p]) * W;
      T* to = numbers.data() + first * K;
      for (int64_t k = 0; k < K; ++k)
        for (int64_t n = first; n < first + width; ++n) *to++ = n < N ? *b.at(k, n) : T(0);
    }
  }

  // c = a b, or c += a b. Each sum is taken in one order, whatever the number of threads.
  void multiply(int64_t M, Matrix<const T> a, Matrix<T> c, bool add) const {
    if (M * K * N < 2 * WORTH) return some_panels(0, panels(), M, a, c, add);
    int64_t grain = 1 + WORTH * panels() / (M * K * N);
    at::parallel_for(0, panels(), grain, [&](int64_t from, int64_t to) {
      some_panels(from, to, M, a, c, add);
    });
  }

  void some_panels(
      int64_t from, int64_t to, int64_t M, Matrix<const T> a, Matrix<T> c, bool add) const {
    constexpr int W = Vec<T>::size();
    for (int64_t p = from; p < to; ++p) {
      int64_t first = begins[p] * W, vectors = begins[p + 1] - begins[p];
      int last = std::min<int64_t>(W, N - (begins[p + 1] - 1) * W);
      for (int64_t m = 0; m < M; m += ROWS) {
        int rows = std::min<int64_t>(ROWS, M - m);
        Matrix<const T> left{a.at(m, 0), a.down, a.across};
        Matrix<T> to_tile{c.at(m, first), c.down, 1};
        const T* panel = numbers.data() + first * K;
        sized_tile<T, ROWS, VECTORS>(rows, vectors, K, left, panel, to_tile, last, add);
      }
    }
  }

  int64_t panels() const { return begins.size() - 1; }

 private:
  int64_t K, N;
  std::vector<int64_t> begins;  // of the panels, in vectors
  std::vector<T> numbers;
};

// c = a b for factors of any layout, both packed in parts that stay in the cache.
template <class T>
void product(int64_t M, int64_t K, int64_t N, Matrix<const T> a, Matrix<const T> b, Matrix<T> c) {
  int64_t depth = std::min(K, DEPTH);
  Packed<T> right(depth, N);
  for (int64_t k = 0; k < K; k += DEPTH) {
    int64_t some = std::min(DEPTH, K - k);
    right.pack({b.at(k, 0), b.down, b.across}, some);
    int64_t grain = std::max<int64_t>(1, WORTH / (ROWS * some * N));
    at::parallel_for(0, (M + ROWS - 1) / ROWS, grain, [&](int64_t from, int64_t to) {
      std::vector<T> left(ROWS * some);
      for (int64_t m = from * ROWS; m < std::min(M, to * ROWS); m += ROWS) {
        int64_t rows = std::min<int64_t>(ROWS, M - m);
        for (int64_t i = 0; i < some; ++i)
          for (int64_t r = 0; r < rows; ++r) left[i * ROWS + r] = *a.at(m + r, k + i);
        Matrix<const T> block{left.data(), 1, ROWS};
        right.some_panels(0, right.panels(), rows, block, {c.at(m, 0), c.down, 1}, k > 0);
      }
    });
  }
}

}  // namespace recurbench

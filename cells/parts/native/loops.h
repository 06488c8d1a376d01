// The loops over time: what a step is given, and how all steps of a packed batch are walked.
//
// Legend: B batch, N valid steps of a packed batch, G projected size, H hidden size.

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/complex.h>

#include <string>
#include <vector>

#include "products.h"

namespace recurbench {

// A few neighbouring features of a row; as many as a vector has, or fewer at the row's end.
template <class T, bool Whole>
struct Lanes {
  int64_t at;
  int count;
  Vec<T> load(const T* row) const {
    return Whole ? Vec<T>::loadu(row + at) : Vec<T>::loadu(row + at, count);
  }
  void store(Vec<T> x, T* row) const {
    if (Whole) x.store(row + at);
    else x.store(row + at, count);
  }
  void add(Vec<T> x, T* row) const { store(load(row) + x, row); }
};

// Calls f(row, lanes) for all features of all rows.
template <class T, class F>
void each(int64_t rows, int64_t H, const F& f) {
  constexpr int W = Vec<T>::size();
  for (int64_t row = 0; row < rows; ++row) {
    int64_t j = 0;
    for (; j + W <= H; j += W) f(row, Lanes<T, true>{j, W});
    if (j < H) f(row, Lanes<T, false>{j, static_cast<int>(H - j)});
  }
}

template <class T>
Vec<T> sigmoid(Vec<T> x) {
  Vec<T> one(T(1));
  return one / (one + x.neg().exp());
}

// x (1 - x), the derivative of a logistic function by its value.
template <class T>
Vec<T> slope(Vec<T> x) {
  return x * (Vec<T>(T(1)) - x);
}

// 1 - x², the derivative of tanh by its value.
template <class T>
Vec<T> tanh_slope(Vec<T> x) {
  return Vec<T>(T(1)) - x * x;
}

// What stays the same over a call: sizes, weights and knobs.
template <class T>
struct Call {
  int64_t H, B;
  std::vector<const T*> weights;
  std::vector<double> numbers;
};

// A step: pointers to the rows of all buffers. Leaves are (rows, H).
template <class T>
struct Forward {
  int64_t rows;
  const T* u;
  T* kept;
  std::vector<const T*> old;
  std::vector<T*> next;
};

template <class T>
struct Backward {
  int64_t rows;
  const T* kept;
  T* work;
  std::vector<const T*> old, next;
  std::vector<T*> flow, before;
};

template <class T>
std::vector<T*> pointers(const std::vector<at::Tensor>& tensors) {
  std::vector<T*> found;
  for (const auto& tensor : tensors) found.push_back(tensor.data_ptr<T>());
  return found;
}

using Sizes = std::vector<int64_t>;
using Tensors = std::vector<at::Tensor>;

template <class T>
Call<T> call_of(const Sizes& sizes, const Tensors& weights, const Tensors& start,
                const std::vector<double>& numbers) {
  Call<T> call{start[0].size(1), sizes[0], {}, numbers};
  for (const auto& weight : weights) call.weights.push_back(weight.data_ptr<T>());
  return call;
}

template <class T, template <class> class Step>
void walk(const std::vector<double>& numbers, const Sizes& sizes, const Tensors& weights,
          const at::Tensor& u, const at::Tensor& kept, const Tensors& start, const Tensors& path) {
  Call<T> call = call_of<T>(sizes, weights, start, numbers);
  Step<T> step(call, true);
  std::vector<T*> first = pointers<T>(start), next = pointers<T>(path);
  Forward<T> at{0, u.data_ptr<T>(), kept.data_ptr<T>(), {first.begin(), first.end()}, next};
  for (int64_t rows : sizes) {
    at.rows = rows;
    step.forward(at);
    at.u += rows * u.size(1);
    at.kept += rows * kept.size(1);
    for (size_t i = 0; i < at.next.size(); ++i) {
      at.old[i] = at.next[i];
      at.next[i] += rows * call.H;
    }
  }
}

template <class T, template <class> class Step>
void walk_back(const std::vector<double>& numbers, const Sizes& sizes, const Tensors& weights,
               const at::Tensor& kept, const at::Tensor& work, const Tensors& start,
               const Tensors& path, const Tensors& flow, const Tensors& first) {
  Call<T> call = call_of<T>(sizes, weights, start, numbers);
  Step<T> step(call, false);
  int64_t N = work.size(0), leaves = start.size(), at_row = N;
  std::vector<T*> path_of = pointers<T>(path), flow_of = pointers<T>(flow);
  std::vector<T*> start_of = pointers<T>(start), first_of = pointers<T>(first);
  Backward<T> at;
  at.old.resize(leaves), at.next.resize(leaves), at.flow.resize(leaves), at.before.resize(leaves);
  for (int64_t t = static_cast<int64_t>(sizes.size()) - 1; t >= 0; --t) {
    at.rows = sizes[t];
    at_row -= sizes[t];
    at.kept = kept.data_ptr<T>() + at_row * kept.size(1);
    at.work = work.data_ptr<T>() + at_row * work.size(1);
    for (int64_t i = 0; i < leaves; ++i) {
      int64_t here = at_row * call.H, there = t ? here - sizes[t - 1] * call.H : 0;
      at.next[i] = path_of[i] + here;
      at.flow[i] = flow_of[i] + here;
      at.old[i] = t ? path_of[i] + there : start_of[i];
      at.before[i] = t ? flow_of[i] + there : first_of[i];
    }
    step.backward(at);
  }
}

// The linear recurrence h' = a h + b, real or complex, with M features of h: one pass over memory,
// summed in double precision.
template <class T>
struct Wide {
  using type = double;
  static T conj(T x) { return x; }
};

template <class T>
struct Wide<c10::complex<T>> {
  using type = c10::complex<double>;
  static c10::complex<T> conj(c10::complex<T> x) { return {x.real(), -x.imag()}; }
};

// All states (N, M) from the start (B, M).
template <class T>
void scan(const Sizes& sizes, const at::Tensor& a, const at::Tensor& b, const at::Tensor& start,
          const at::Tensor& h) {
  using W = typename Wide<T>::type;
  const T *a_t = a.data_ptr<T>(), *b_t = b.data_ptr<T>(), *first = start.data_ptr<T>();
  T* h_t = h.data_ptr<T>();
  std::vector<W> last(first, first + start.numel());
  for (int64_t rows : sizes) {
    int64_t count = rows * start.size(1);
    W* state = last.data();
    for (int64_t i = 0; i < count; ++i) {
      state[i] = W(a_t[i]) * state[i] + W(b_t[i]);
      h_t[i] = T(state[i]);
    }
    a_t += count, b_t += count, h_t += count;
  }
}

// The gradients of a and b (N, M) from those of the states, from the last step to the first.
template <class T>
void scan_back(const Sizes& sizes, const at::Tensor& a, const at::Tensor& h,
               const at::Tensor& start, const at::Tensor& dh, const at::Tensor& da,
               const at::Tensor& db) {
  using W = typename Wide<T>::type;
  std::vector<W> carried(start.numel(), W(0));
  int64_t M = start.size(1), here = h.numel();
  for (int64_t t = static_cast<int64_t>(sizes.size()) - 1; t >= 0; --t) {
    int64_t count = sizes[t] * M;
    here -= count;
    const T *a_t = a.data_ptr<T>() + here, *dh_t = dh.data_ptr<T>() + here;
    const T* before = t ? h.data_ptr<T>() + here - sizes[t - 1] * M : start.data_ptr<T>();
    T *da_t = da.data_ptr<T>() + here, *db_t = db.data_ptr<T>() + here;
    W* later = carried.data();
    for (int64_t i = 0; i < count; ++i) {
      W d = W(dh_t[i]) + later[i];
      db_t[i] = T(d);
      da_t[i] = T(d * W(Wide<T>::conj(before[i])));
      later[i] = d * W(Wide<T>::conj(a_t[i]));
    }
  }
}

}  // namespace recurbench

// The linear recurrence h' = a h + b in one pass over memory, summed in double precision.
//
// Legend: B batch, N valid steps of a packed batch, M features of h.

#pragma once

#include <c10/util/complex.h>

#include <type_traits>

#include "loops.h"

namespace recurbench {

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

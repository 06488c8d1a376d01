// What Python calls: the loop of a cell by its name, and products.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "zoo.h"

// A line for each step: its name in Python and its struct.
#define STEPS \
  STEP("gru_reset_after", GRUResetAfter) \
  STEP("gru_reset_before", GRUResetBefore) \
  STEP("lstm", LSTM) \
  STEP("rnn", RNN) \
  STEP("mgu", MGU) \
  STEP("ligru", LiGRU) \
  STEP("indrnn", IndRNN) \
  STEP("blended_reset", BlendedReset) \
  STEP("lem", LEM) \
  STEP("orthogonal", Orthogonal) \
  STEP("slstm", SLSTM)

namespace recurbench {

template <template <class> class Step, class... Arguments>
void any_walk(at::ScalarType dtype, const Arguments&... arguments) {
  if (dtype == at::kDouble) walk<double, Step>(arguments...);
  else walk<float, Step>(arguments...);
}

template <template <class> class Step, class... Arguments>
void any_walk_back(at::ScalarType dtype, const Arguments&... arguments) {
  if (dtype == at::kDouble) walk_back<double, Step>(arguments...);
  else walk_back<float, Step>(arguments...);
}

void forward(std::string loop, std::vector<double> numbers, Sizes sizes, Tensors weights,
             at::Tensor u, at::Tensor kept, Tensors start, Tensors path) {
  auto run = [&](auto go) {
    go(u.scalar_type(), numbers, sizes, weights, u, kept, start, path);
  };
#define STEP(name, Step) \
  if (loop == name) return run([](auto... a) { any_walk<Step>(a...); });
  STEPS
#undef STEP
  TORCH_CHECK(false, "no loop named ", loop);
}

void backward(std::string loop, std::vector<double> numbers, Sizes sizes, Tensors weights,
              at::Tensor kept, at::Tensor work, Tensors start, Tensors path, Tensors flow,
              Tensors first) {
  auto run = [&](auto go) {
    go(kept.scalar_type(), numbers, sizes, weights, kept, work, start, path, flow, first);
  };
#define STEP(name, Step) \
  if (loop == name) return run([](auto... a) { any_walk_back<Step>(a...); });
  STEPS
#undef STEP
  TORCH_CHECK(false, "no loop named ", loop);
}

template <class T>
Matrix<const T> view(const at::Tensor& x) {
  return {x.data_ptr<T>(), x.stride(0), x.stride(1)};
}

at::Tensor multiply(at::Tensor a, at::Tensor b) {
  at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options());
  int64_t M = a.size(0), K = a.size(1), N = b.size(1);
  if (a.scalar_type() == at::kDouble)
    product<double>(M, K, N, view<double>(a), view<double>(b), {c.data_ptr<double>(), N, 1});
  else
    product<float>(M, K, N, view<float>(a), view<float>(b), {c.data_ptr<float>(), N, 1});
  return c;
}

// Calls f with a number of the tensors' dtype.
template <class F>
void with_dtype(at::ScalarType dtype, const F& f) {
  if (dtype == at::kFloat) f(float());
  else if (dtype == at::kDouble) f(double());
  else if (dtype == at::kComplexFloat) f(c10::complex<float>());
  else f(c10::complex<double>());
}

void scan_any(Sizes sizes, at::Tensor a, at::Tensor b, at::Tensor start, at::Tensor h) {
  with_dtype(a.scalar_type(), [&](auto kind) { scan<decltype(kind)>(sizes, a, b, start, h); });
}

void scan_back_any(Sizes sizes, at::Tensor a, at::Tensor h, at::Tensor start, at::Tensor dh,
                   at::Tensor da, at::Tensor db) {
  with_dtype(a.scalar_type(), [&](auto kind) {
    scan_back<decltype(kind)>(sizes, a, h, start, dh, da, db);
  });
}

TORCH_LIBRARY(recurbench, m) {
  m.def("scan", &scan_any);
  m.def("scan_back", &scan_back_any);
  m.def("forward", &forward);
  m.def("backward", &backward);
  m.def("multiply", &multiply);
}

}  // namespace recurbench

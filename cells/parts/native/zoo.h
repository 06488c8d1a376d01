// The steps of the cells that torch does not have, in the words of their `StepByHand` in Python.

#pragma once

#include <cmath>

#include "steps.h"

namespace recurbench {

// MGU: f, n and q = f h.
template <class T>
struct MGU {
  int64_t H;
  Packed<T> W_f, W_n;
  std::vector<T> sums;

  MGU(const Call<T>& c, bool forward)
      : H(c.H), W_f(recurrent(c.weights[0], H, H, forward)),
        W_n(recurrent(c.weights[0] + H * H, H, H, forward)), sums(c.B * H) {}

  void forward(const Forward<T>& s) {
    T* p = sums.data();
    W_f.multiply(s.rows, {s.old[0], H, 1}, {p, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      T* kept = s.kept + row * 3 * H;
      auto f = sigmoid<T>(at.load(s.u + row * 2 * H) + at.load(p + row * H));
      at.store(f, kept);
      at.store(f * at.load(s.old[0] + row * H), kept + 2 * H);
    });
    W_n.multiply(s.rows, {s.kept + 2 * H, 3 * H, 1}, {p, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      T* kept = s.kept + row * 3 * H;
      auto n = (at.load(s.u + row * 2 * H + H) + at.load(p + row * H)).tanh();
      auto h = at.load(s.old[0] + row * H);
      at.store(n, kept + H);
      at.store(at::vec::fmadd(at.load(kept), n - h, h), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    T* dq = sums.data();
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 3 * H;
      auto f = at.load(kept), n = at.load(kept + H), dh = at.load(s.flow[0] + row * H);
      at.store(dh * f * tanh_slope<T>(n), s.work + row * 2 * H + H);
    });
    W_n.multiply(s.rows, {s.work + H, 2 * H, 1}, {dq, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 3 * H;
      auto f = at.load(kept), n = at.load(kept + H), h = at.load(s.old[0] + row * H);
      auto dh = at.load(s.flow[0] + row * H), d = at.load(dq + row * H);
      at.store((dh * (n - h) + d * h) * slope<T>(f), s.work + row * 2 * H);
      at.add(dh * (Vec<T>(T(1)) - f) + d * f, s.before[0] + row * H);
    });
    W_f.multiply(s.rows, {s.work, 2 * H, 1}, {s.before[0], H, 1}, true);
  }
};

// LiGRU: z and n.
template <class T>
struct LiGRU {
  int64_t H;
  Packed<T> U;
  std::vector<T> sums;

  LiGRU(const Call<T>& c, bool forward)
      : H(c.H), U(recurrent(c.weights[0], 2 * H, H, forward)), sums(forward ? c.B * 2 * H : 0) {}

  void forward(const Forward<T>& s) {
    U.multiply(s.rows, {s.old[0], H, 1}, {sums.data(), 2 * H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *u = s.u + row * 2 * H, *p = sums.data() + row * 2 * H;
      T* kept = s.kept + row * 2 * H;
      auto z = sigmoid<T>(at.load(u) + at.load(p)), h = at.load(s.old[0] + row * H);
      auto n = at::vec::maximum(at.load(u + H) + at.load(p + H), Vec<T>(T(0)));
      at.store(z, kept);
      at.store(n, kept + H);
      at.store(at::vec::fmadd(z, h - n, n), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    Vec<T> zero(T(0)), one(T(1));
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 2 * H;
      auto z = at.load(kept), n = at.load(kept + H), dh = at.load(s.flow[0] + row * H);
      at.store(dh * (at.load(s.old[0] + row * H) - n) * slope<T>(z), s.work + row * 2 * H);
      auto dn = Vec<T>::blendv(zero, dh * (one - z), n > zero);
      at.store(dn, s.work + row * 2 * H + H);
      at.add(dh * z, s.before[0] + row * H);
    });
    U.multiply(s.rows, {s.work, 2 * H, 1}, {s.before[0], H, 1}, true);
  }
};

// IndRNN, with tanh or rectified units; keeps nothing.
template <class T>
struct IndRNN {
  int64_t H;
  bool rectified;
  const T* w;

  IndRNN(const Call<T>& c, bool) : H(c.H), rectified(c.numbers[0]), w(c.weights[0]) {}

  void forward(const Forward<T>& s) {
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto a = at::vec::fmadd(at.load(w), at.load(s.old[0] + row * H), at.load(s.u + row * H));
      at.store(activation<T>(a, rectified), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto dh = at.load(s.flow[0] + row * H);
      auto da = before_activation<T>(dh, at.load(s.next[0] + row * H), rectified);
      at.store(da, s.work + row * H);
      at.add(da * at.load(w), s.before[0] + row * H);
    });
  }
};

// GRU with a blended reset: s, z, r and q = r h; the candidate is a leaf.
template <class T>
struct BlendedReset {
  int64_t H;
  Packed<T> W, W_n;
  std::vector<T> sums;

  BlendedReset(const Call<T>& c, bool forward)
      : H(c.H), W(recurrent(c.weights[0], 2 * H, H, forward)),
        W_n(recurrent(c.weights[0] + 2 * H * H, H, H, forward)), sums(c.B * 2 * H) {}

  void forward(const Forward<T>& s) {
    T* p = sums.data();
    W.multiply(s.rows, {s.old[0], H, 1}, {p, 2 * H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *u = s.u + row * 3 * H, *sum = p + row * 2 * H;
      T* kept = s.kept + row * 4 * H;
      auto blend = sigmoid<T>(at.load(u) + at.load(sum));
      auto z = sigmoid<T>(at.load(u + H) + at.load(sum + H));
      auto r = at::vec::fmadd(blend, at.load(s.old[1] + row * H) - z, z);
      at.store(blend, kept);
      at.store(z, kept + H);
      at.store(r, kept + 2 * H);
      at.store(r * at.load(s.old[0] + row * H), kept + 3 * H);
    });
    W_n.multiply(s.rows, {s.kept + 3 * H, 4 * H, 1}, {p, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto n = (at.load(s.u + row * 3 * H + 2 * H) + at.load(p + row * H)).tanh();
      auto z = at.load(s.kept + row * 4 * H + H), h = at.load(s.old[0] + row * H);
      at.store(n, s.next[1] + row * H);
      at.store(at::vec::fmadd(z, n - h, h), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    T* dq = sums.data();
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto z = at.load(s.kept + row * 4 * H + H), n = at.load(s.next[1] + row * H);
      auto dn = at::vec::fmadd(at.load(s.flow[0] + row * H), z, at.load(s.flow[1] + row * H));
      at.store(dn * tanh_slope<T>(n), s.work + row * 3 * H + 2 * H);
    });
    W_n.multiply(s.rows, {s.work + 2 * H, 3 * H, 1}, {dq, H, 1}, false);
    Vec<T> one(T(1));
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 4 * H;
      T* work = s.work + row * 3 * H;
      auto blend = at.load(kept), z = at.load(kept + H), h = at.load(s.old[0] + row * H);
      auto n = at.load(s.old[1] + row * H), n_new = at.load(s.next[1] + row * H);
      auto dh = at.load(s.flow[0] + row * H), d = at.load(dq + row * H), dr = d * h;
      at.store(dr * (n - z) * slope<T>(blend), work);
      at.store((dh * (n_new - h) + dr * (one - blend)) * slope<T>(z), work + H);
      at.add(dr * blend, s.before[1] + row * H);
      at.add(dh * (one - z) + d * at.load(kept + 2 * H), s.before[0] + row * H);
    });
    W.multiply(s.rows, {s.work, 3 * H, 1}, {s.before[0], H, 1}, true);
  }
};

// LEM: d / dt, e / dt, and the tanh of z and of y.
template <class T>
struct LEM {
  int64_t H;
  Vec<T> dt;
  Packed<T> W, W_k;
  std::vector<T> sums;

  LEM(const Call<T>& c, bool forward)
      : H(c.H), dt(T(c.numbers[0])), W(recurrent(c.weights[0], 3 * H, H, forward)),
        W_k(recurrent(c.weights[0] + 3 * H * H, H, H, forward)), sums(forward ? c.B * 3 * H : 0) {}

  void forward(const Forward<T>& s) {
    T* p = sums.data();
    W.multiply(s.rows, {s.old[0], H, 1}, {p, 3 * H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *u = s.u + row * 4 * H, *sum = p + row * 3 * H;
      T* kept = s.kept + row * 4 * H;
      auto d = sigmoid<T>(at.load(u) + at.load(sum)), z = at.load(s.old[1] + row * H);
      auto g = (at.load(u + 2 * H) + at.load(sum + 2 * H)).tanh();
      at.store(d, kept);
      at.store(sigmoid<T>(at.load(u + H) + at.load(sum + H)), kept + H);
      at.store(g, kept + 2 * H);
      at.store(at::vec::fmadd(dt * d, g - z, z), s.next[1] + row * H);
    });
    W_k.multiply(s.rows, {s.next[1], H, 1}, {p, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      T* kept = s.kept + row * 4 * H;
      auto k = (at.load(s.u + row * 4 * H + 3 * H) + at.load(p + row * H)).tanh();
      auto y = at.load(s.old[0] + row * H);
      at.store(k, kept + 3 * H);
      at.store(at::vec::fmadd(dt * at.load(kept + H), k - y, y), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    Vec<T> one(T(1));
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 4 * H;
      T* work = s.work + row * 4 * H;
      auto e = at.load(kept + H), k = at.load(kept + 3 * H), dy = at.load(s.flow[0] + row * H) * dt;
      at.store(dy * (k - at.load(s.old[0] + row * H)) * slope<T>(e), work + H);
      at.store(dy * e * tanh_slope<T>(k), work + 3 * H);
      at.add(at.load(s.flow[0] + row * H) - dy * e, s.before[0] + row * H);
    });
    W_k.multiply(s.rows, {s.work + 3 * H, 4 * H, 1}, {s.flow[1], H, 1}, true);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 4 * H;
      T* work = s.work + row * 4 * H;
      auto d = at.load(kept), g = at.load(kept + 2 * H), dz = at.load(s.flow[1] + row * H);
      at.store(dt * dz * (g - at.load(s.old[1] + row * H)) * slope<T>(d), work);
      at.store(dt * dz * d * tanh_slope<T>(g), work + 2 * H);
      at.add(dz * (one - dt * d), s.before[1] + row * H);
    });
    W.multiply(s.rows, {s.work, 4 * H, 1}, {s.before[0], H, 1}, true);
  }
};

// ExpRNN with modReLU: a.
template <class T>
struct Orthogonal {
  int64_t H;
  const T* b;
  Packed<T> Q;

  Orthogonal(const Call<T>& c, bool forward)
      : H(c.H), b(c.weights[1]), Q(recurrent(c.weights[0], H, H, forward)) {}

  void forward(const Forward<T>& s) {
    Q.multiply(s.rows, {s.old[0], H, 1}, {s.kept, H, 1}, false);
    Vec<T> zero(T(0)), one(T(1));
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto a = at.load(s.u + row * H) + at.load(s.kept + row * H);
      at.store(a, s.kept + row * H);
      auto size = at::vec::maximum(a.abs() + at.load(b), zero);
      auto positive = Vec<T>::blendv(zero, size, a > zero);
      at.store(Vec<T>::blendv(positive, size.neg(), a < zero) + (a - a), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    Vec<T> zero(T(0));
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto a = at.load(s.kept + row * H), dh = at.load(s.flow[0] + row * H);
      auto passed = Vec<T>::blendv(zero, dh, a.abs() + at.load(b) > zero);
      at.store(Vec<T>::blendv(passed, zero, a == zero), s.work + row * H);
    });
    Q.multiply(s.rows, {s.work, H, 1}, {s.before[0], H, 1}, true);
  }
};

// sLSTM: z, i, f and o, head after head, and the two exponentials.
template <class T>
struct SLSTM {
  int64_t H, heads, D;
  bool exponential;
  std::vector<Packed<T>> R;
  std::vector<T> sums;

  SLSTM(const Call<T>& c, bool forward)
      : H(c.H), heads(c.numbers[0]), D(H / heads), exponential(c.numbers[1]),
        sums(forward ? c.B * 4 * H : 0) {
    for (int64_t head = 0; head < heads; ++head) {
      const T* block = c.weights[0] + head * D * 4 * D;  // (D, 4D)
      if (forward) R.push_back(Packed<T>({block, 4 * D, 1}, D, 4 * D));
      else R.push_back(Packed<T>({block, 1, 4 * D}, 4 * D, D));
    }
  }

  Vec<T> log_forget(Vec<T> f) const {
    if (exponential) return f;
    return at::vec::minimum(f, Vec<T>(T(0))) - f.abs().neg().exp().log1p();
  }

  void forward(const Forward<T>& s) {
    T* p = sums.data();
    for (int64_t head = 0; head < heads; ++head)
      R[head].multiply(s.rows, {s.old[0] + head * D, H, 1}, {p + head * 4 * D, 4 * H, 1}, false);
    Vec<T> one(T(1));
    each<T>(s.rows * heads, D, [&](int64_t part, auto at) {
      const T *u = s.u + part * 4 * D, *sum = p + part * 4 * D;
      T *gates = s.kept + part / heads * 6 * H + part % heads * 4 * D;
      T* scaled = s.kept + part / heads * 6 * H + 4 * H + part % heads * D;
      auto z = (at.load(u) + at.load(sum)).tanh(), i = at.load(u + D) + at.load(sum + D);
      auto f = at.load(u + 2 * D) + at.load(sum + 2 * D);
      auto o = sigmoid<T>(at.load(u + 3 * D) + at.load(sum + 3 * D));
      auto k = log_forget(f) + at.load(s.old[3] + part * D), m = at::vec::maximum(k, i);
      auto written = (i - m).exp(), left = (k - m).exp();
      auto c = at::vec::fmadd(left, at.load(s.old[1] + part * D), written * z);
      auto n = at::vec::fmadd(left, at.load(s.old[2] + part * D), written);
      at.store(z, gates);
      at.store(i, gates + D);
      at.store(f, gates + 2 * D);
      at.store(o, gates + 3 * D);
      at.store(written, scaled);
      at.store(left, scaled + H);
      at.store(c, s.next[1] + part * D);
      at.store(n, s.next[2] + part * D);
      at.store(m, s.next[3] + part * D);
      at.store(o * c / at::vec::maximum(n, one), s.next[0] + part * D);
    });
  }

  void backward(const Backward<T>& s) {
    Vec<T> zero(T(0)), half(T(0.5)), one(T(1));
    each<T>(s.rows * heads, D, [&](int64_t part, auto at) {
      const T* gates = s.kept + part / heads * 6 * H + part % heads * 4 * D;
      const T* scaled = s.kept + part / heads * 6 * H + 4 * H + part % heads * D;
      T* work = s.work + part * 4 * D;
      auto old = [&](int64_t leaf) { return at.load(s.old[leaf] + part * D); };
      auto flow = [&](int64_t leaf) { return at.load(s.flow[leaf] + part * D); };
      auto z = at.load(gates), i = at.load(gates + D), f = at.load(gates + 2 * D);
      auto o = at.load(gates + 3 * D), written = at.load(scaled), left = at.load(scaled + H);
      auto h = at.load(s.next[0] + part * D), n = at.load(s.next[2] + part * D);
      auto dh = flow(0), total = at::vec::maximum(n, one);
      auto dc = flow(1) + dh * o / total;
      auto dn = flow(2) - Vec<T>::blendv(zero, dh * h / total, n >= one);
      auto kept = (dc * old(1) + dn * old(2)) * left, d_written = (dc * z + dn) * written;
      auto dm = flow(3) - kept - d_written, k = log_forget(f) + old(3);
      auto larger = Vec<T>::blendv(Vec<T>::blendv(zero, one, k > i), half, k == i);
      auto dk = kept + dm * larger;
      at.store(dc * written * tanh_slope<T>(z), work);
      at.store(d_written + dm * (one - larger), work + D);
      at.store(exponential ? dk : dk * sigmoid<T>(f.neg()), work + 2 * D);
      at.store(dh * h * (one - o), work + 3 * D);
      at.add(dc * left, s.before[1] + part * D);
      at.add(dn * left, s.before[2] + part * D);
      at.add(dk, s.before[3] + part * D);
    });
    for (int64_t head = 0; head < heads; ++head)
      R[head].multiply(
          s.rows, {s.work + head * 4 * D, 4 * H, 1}, {s.before[0] + head * D, H, 1}, true);
  }
};

}  // namespace recurbench

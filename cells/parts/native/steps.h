// The steps of the cells, in the words of their `StepByHand` in Python, which says what is kept.

#pragma once

#include <memory>

#include "loops.h"

namespace recurbench {

// Recurrent weights (G, H), packed for the way forward (h W^T) or for the way back (d W).
template <class T>
Packed<T> recurrent(const T* W, int64_t G, int64_t H, bool forward) {
  if (forward) return Packed<T>({W, 1, H}, H, G);
  return Packed<T>({W, H, 1}, G, H);
}

// GRU, the reset after the product: r, z, n and v = W_n h + b_n.
template <class T>
struct GRUResetAfter {
  int64_t H;
  const T* b;
  Packed<T> W, W_n;
  std::vector<T> sums;

  GRUResetAfter(const Call<T>& c, bool forward)
      : H(c.H), b(c.weights[1]),
        W(recurrent(c.weights[0], forward ? 3 * H : 2 * H, H, forward)),
        W_n(recurrent(c.weights[0] + 2 * H * H, forward ? 0 : H, H, forward)),
        sums(forward ? c.B * 3 * H : 0) {}

  void forward(const Forward<T>& s) {
    W.multiply(s.rows, {s.old[0], H, 1}, {sums.data(), 3 * H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *u = s.u + row * 3 * H, *p = sums.data() + row * 3 * H, *h = s.old[0] + row * H;
      T* kept = s.kept + row * 4 * H;
      auto r = sigmoid<T>(at.load(u) + at.load(p) + at.load(b));
      auto z = sigmoid<T>(at.load(u + H) + at.load(p + H) + at.load(b + H));
      auto v = at.load(p + 2 * H) + at.load(b + 2 * H);
      auto n = at::vec::fmadd(r, v, at.load(u + 2 * H)).tanh();
      at.store(r, kept);
      at.store(z, kept + H);
      at.store(n, kept + 2 * H);
      at.store(v, kept + 3 * H);
      at.store(at::vec::fmadd(z, at.load(h) - n, n), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *kept = s.kept + row * 4 * H, *h = s.old[0] + row * H;
      T* work = s.work + row * 4 * H;
      auto r = at.load(kept), z = at.load(kept + H), n = at.load(kept + 2 * H);
      auto dh = at.load(s.flow[0] + row * H);
      auto dn = dh * (Vec<T>(T(1)) - z) * tanh_slope<T>(n);
      at.store(dn * at.load(kept + 3 * H) * slope<T>(r), work);
      at.store(dh * (at.load(h) - n) * slope<T>(z), work + H);
      at.store(dn, work + 2 * H);
      at.store(dn * r, work + 3 * H);
      at.add(dh * z, s.before[0] + row * H);
    });
    Matrix<T> before{s.before[0], H, 1};
    W.multiply(s.rows, {s.work, 4 * H, 1}, before, true);
    W_n.multiply(s.rows, {s.work + 3 * H, 4 * H, 1}, before, true);
  }
};

// GRU, the reset before the product: r, z, n and q = r h.
template <class T>
struct GRUResetBefore {
  int64_t H;
  Packed<T> W, W_n;
  std::vector<T> sums;

  GRUResetBefore(const Call<T>& c, bool forward)
      : H(c.H),
        W(recurrent(c.weights[0], 2 * H, H, forward)),
        W_n(recurrent(c.weights[0] + 2 * H * H, H, H, forward)),
        sums(c.B * 2 * H) {}

  void forward(const Forward<T>& s) {
    T* p = sums.data();
    W.multiply(s.rows, {s.old[0], H, 1}, {p, 2 * H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *u = s.u + row * 3 * H, *sum = p + row * 2 * H;
      T* kept = s.kept + row * 4 * H;
      auto r = sigmoid<T>(at.load(u) + at.load(sum));
      at.store(r, kept);
      at.store(sigmoid<T>(at.load(u + H) + at.load(sum + H)), kept + H);
      at.store(r * at.load(s.old[0] + row * H), kept + 3 * H);
    });
    W_n.multiply(s.rows, {s.kept + 3 * H, 4 * H, 1}, {p, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      T* kept = s.kept + row * 4 * H;
      auto n = (at.load(s.u + row * 3 * H + 2 * H) + at.load(p + row * H)).tanh();
      auto h = at.load(s.old[0] + row * H);
      at.store(n, kept + 2 * H);
      at.store(at::vec::fmadd(at.load(kept + H), h - n, n), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    T* dq = sums.data();
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * 4 * H;
      T* work = s.work + row * 3 * H;
      auto z = at.load(kept + H), n = at.load(kept + 2 * H), dh = at.load(s.flow[0] + row * H);
      at.store(dh * (at.load(s.old[0] + row * H) - n) * slope<T>(z), work + H);
      at.store(dh * (Vec<T>(T(1)) - z) * tanh_slope<T>(n), work + 2 * H);
      at.add(dh * z, s.before[0] + row * H);
    });
    W_n.multiply(s.rows, {s.work + 2 * H, 3 * H, 1}, {dq, H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto r = at.load(s.kept + row * 4 * H), d = at.load(dq + row * H);
      at.store(d * at.load(s.old[0] + row * H) * slope<T>(r), s.work + row * 3 * H);
      at.add(d * r, s.before[0] + row * H);
    });
    W.multiply(s.rows, {s.work, 3 * H, 1}, {s.before[0], H, 1}, true);
  }
};

// LSTM, all variants: the gates in the order of the weights and tanh(c').
template <class T>
struct LSTM {
  int64_t H, gates;
  bool coupled, forget;
  const T* w;  // peepholes (gates - 1, H), or nothing
  Packed<T> W;
  std::vector<T> sums;

  LSTM(const Call<T>& c, bool forward)
      : H(c.H), gates(c.numbers[0] || !c.numbers[1] ? 3 : 4),
        coupled(c.numbers[0]), forget(c.numbers[1]),
        w(c.numbers[2] ? c.weights[1] : nullptr),
        W(recurrent(c.weights[0], gates * H, H, forward)),
        sums(forward ? c.B * gates * H : 0) {}

  void forward(const Forward<T>& s) {
    W.multiply(s.rows, {s.old[0], H, 1}, {sums.data(), gates * H, 1}, false);
    int64_t last = gates - 1;  // o; before it g, and before that the gates of the memory
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T *u = s.u + row * gates * H, *p = sums.data() + row * gates * H;
      T* kept = s.kept + row * (gates + 1) * H;
      auto c = at.load(s.old[1] + row * H);
      auto sum = [&](int64_t gate) { return at.load(u + gate * H) + at.load(p + gate * H); };
      auto memory_gate = [&](int64_t gate) {
        auto a = sum(gate);
        if (w) a = at::vec::fmadd(at.load(w + gate * H), c, a);
        auto value = sigmoid<T>(a);
        at.store(value, kept + gate * H);
        return value;
      };
      auto first = memory_gate(0), g = sum(last - 1).tanh();
      at.store(g, kept + (last - 1) * H);
      if (!forget) c = at::vec::fmadd(first, g, c);
      else if (coupled) c = at::vec::fmadd(first, c - g, g);
      else c = at::vec::fmadd(first, g, memory_gate(1) * c);
      auto a = sum(last);
      if (w) a = at::vec::fmadd(at.load(w + (last - 1) * H), c, a);
      auto o = sigmoid<T>(a), tanh_c = c.tanh();
      at.store(o, kept + last * H);
      at.store(tanh_c, kept + gates * H);
      at.store(c, s.next[1] + row * H);
      at.store(o * tanh_c, s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    int64_t last = gates - 1;
    Vec<T> one(T(1));
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      const T* kept = s.kept + row * (gates + 1) * H;
      T* work = s.work + row * gates * H;
      auto gate = [&](int64_t index) { return at.load(kept + index * H); };
      auto o = gate(last), tanh_c = gate(gates), g = gate(last - 1), c = at.load(s.old[1] + row * H);
      auto dh = at.load(s.flow[0] + row * H), d_o = dh * tanh_c * slope<T>(o);
      auto dc = at.load(s.flow[1] + row * H) + dh * o * tanh_slope<T>(tanh_c);
      if (w) dc = at::vec::fmadd(d_o, at.load(w + (last - 1) * H), dc);
      at.store(d_o, work + last * H);
      auto first = gate(0), f = forget ? gate(coupled ? 0 : 1) : one;
      auto i = coupled ? one - f : first;
      auto before = dc * f;
      auto leave = [&](int64_t index, Vec<T> value, Vec<T> by) {
        auto d = dc * by * slope<T>(value);
        if (w) before = at::vec::fmadd(d, at.load(w + index * H), before);
        at.store(d, work + index * H);
      };
      leave(0, first, coupled ? c - g : g);
      if (gates == 4) leave(1, f, c);
      at.store(dc * i * tanh_slope<T>(g), work + (last - 1) * H);
      at.add(before, s.before[1] + row * H);
    });
    W.multiply(s.rows, {s.work, gates * H, 1}, {s.before[0], H, 1}, true);
  }
};

template <class T>
Vec<T> activation(Vec<T> a, bool rectified) {
  return rectified ? at::vec::maximum(a, Vec<T>(T(0))) : a.tanh();
}

// The gradient before an activation from that of its value.
template <class T>
Vec<T> before_activation(Vec<T> d, Vec<T> value, bool rectified) {
  Vec<T> zero(T(0));
  return rectified ? Vec<T>::blendv(zero, d, value > zero) : d * tanh_slope<T>(value);
}

// The plain network, with tanh or rectified units.
template <class T>
struct RNN {
  int64_t H;
  bool rectified;
  Packed<T> W;

  RNN(const Call<T>& c, bool forward)
      : H(c.H), rectified(c.numbers[0]), W(recurrent(c.weights[0], H, H, forward)) {}

  void forward(const Forward<T>& s) {
    W.multiply(s.rows, {s.old[0], H, 1}, {s.next[0], H, 1}, false);
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto a = at.load(s.u + row * H) + at.load(s.next[0] + row * H);
      at.store(activation<T>(a, rectified), s.next[0] + row * H);
    });
  }

  void backward(const Backward<T>& s) {
    each<T>(s.rows, H, [&](int64_t row, auto at) {
      auto h = at.load(s.next[0] + row * H), dh = at.load(s.flow[0] + row * H);
      at.store(before_activation<T>(dh, h, rectified), s.work + row * H);
    });
    W.multiply(s.rows, {s.work, H, 1}, {s.before[0], H, 1}, true);
  }
};

}  // namespace recurbench

#pragma once
#include <functional>
#include <initializer_list>
#include <vector>

#include "autograd/variable.h"

namespace trm {

/// The record of one forward pass: what to do backwards. Each function of autograd/functions.h adds one entry while a
/// TapeScope is active and an input needs a gradient. A term of the loss is a root: its entry starts the gradients of
/// its inputs, those of the loss itself being 1. Entries hold the tensors that they need and let go of them as backward
/// passes.
class Tape {
 public:
  using Entry = std::function<void()>;

  /// This thread's active tape; null outside a TapeScope and inside a NoGradient.
  static Tape* current();

  void record(Entry entry) { entries_.push_back(std::move(entry)); }
  /// Runs the entries, last first, and empties the tape.
  void backward();
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;
};

class TapeScope {
 public:
  explicit TapeScope(Tape& tape);
  ~TapeScope();
  TapeScope(const TapeScope&) = delete;

 private:
  Tape* outer_;
};

/// Nothing is recorded while it lives.
class NoGradient {
 public:
  NoGradient();
  ~NoGradient();
  NoGradient(const NoGradient&) = delete;

 private:
  Tape* outer_;
};

/// The active tape if there is one and one of the inputs needs a gradient, or a parameter is involved; else null.
Tape* recording(std::initializer_list<const Variable*> inputs, bool has_parameters = false);

/// For ops that have no backward: throws std::logic_error naming the op where one of the inputs needs a gradient under
/// a tape.
void require_no_gradient(const char* op, std::initializer_list<const Variable*> inputs);

}  // namespace trm

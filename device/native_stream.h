#pragma once

namespace trm {

/// What a Backend is besides where its work is ordered by a stream of a native library: for other libraries that enqueue
/// into it.
class NativeStream {
 public:
  virtual ~NativeStream() = default;
  virtual void* stream() const = 0;
};

}  // namespace trm

#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/errors.h"
#include "device/tensor.h"

namespace trm {

class Arena;

/// What a user is told of one device.
struct DeviceInfo {
  Device device;
  std::string name;          // "NVIDIA H200"
  std::string driver;        // version text, may be empty
  size_t memory_bytes = 0;   // 0: unknown
  size_t free_bytes = 0;     // counts where memory_bytes is known
  bool eligible = true;      // detection may choose it; else it is used only where asked for
  std::string note;          // why it would or would not be chosen
};

/// What a backend throws where memory cannot be had: asked, free, and which settings to lower. `detail` follows what is free.
OutOfMemory out_of_memory(const DeviceInfo& info, size_t asked, const std::string& detail = "");
/// "45 MiB"
std::string memory_text(size_t bytes);

/// A captured sequence of device work that can be run again with the same memory.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void replay() = 0;
};

/// Memory, copies and order of one device. Work on a device is enqueued on one stream in call order; cpu work is done at return.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual DeviceInfo info() const = 0;
  /// Throws OutOfMemory.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* base) = 0;
  /// Enqueued after earlier work; the source may be reused at return.
  virtual void copy_from_host(const Tensor& to, const void* from) = 0;
  /// Waits for earlier work and for the copy.
  virtual void copy_to_host(void* to, const Tensor& from) = 0;
  /// The same without waiting where the device can: enqueued in call order, and part of a graph that is being captured. The host memory is allocate_host's and
  /// stays as it is until that work is done.
  virtual void enqueue_from_host(const Tensor& to, const void* from) { copy_from_host(to, from); }
  virtual void enqueue_to_host(void* to, const Tensor& from) { copy_to_host(to, from); }
  virtual void copy_within(const Tensor& to, const Tensor& from) = 0;
  virtual void fill_zero(const Tensor& tensor) = 0;
  /// Waits until all enqueued work is done; reports failures of earlier asynchronous work.
  virtual void synchronize() {}
  /// True where tensors of this dtype compute natively.
  virtual bool supports(DType dtype) const = 0;

  /// Host memory from which batches are copied: page-locked where that helps.
  virtual std::shared_ptr<void> allocate_host(size_t bytes);
  /// Enqueues a copy from allocate_host memory on the loader's own stream; later compute work waits for it, the host does not.
  /// The source must stay until the returned function has been called (it waits for the copy).
  virtual std::function<void()> upload(const Tensor& to, const void* from);

  /// True where capture works.
  virtual bool can_capture() const { return false; }
  /// Runs `work` once in recording mode (nothing executes) and returns what it enqueued. Throws DeviceError where can_capture is false.
  virtual std::unique_ptr<Graph> capture(const std::function<void()>& work);

  /// Bytes of the forms of a weight [out, in] that `pack_weight` fills for the matrix engine; {0, 0} where there is none.
  struct PackedBytes {
    size_t forward = 0, backward = 0;
  };
  virtual PackedBytes packed_bytes(int64_t out, int64_t in, DType dtype, bool token) const;

  std::shared_ptr<Arena> arena();

  /// The backend of a device. Throws DeviceError that says which device, why not, and what there is.
  static Backend& of(Device device);

 private:
  std::shared_ptr<Arena> arena_;
};

/// What is particular to a kind of device and programs decide by (device/rules.h); its backend states it, nobody asks for the kind.
struct DeviceTraits {
  bool on_host = false;           // computes on the threads of this process: their number matters, and reading a value waits for nothing
  std::string capture{};          // what a captured training step is there ("the whole step is one CUDA graph"); empty: it is never captured,
  std::string no_capture = "its backend captures nothing";            // and this is why
  std::string no_bfloat16 = "this device computes in float32";        // why, where Backend::supports says that bfloat16 does not compute
  int loader_workers = 4;         // loader threads where the user sets none, at most the machine's cores
  int most_loader_workers = 0;    // more get a warning; 0: the machine's cores are the limit
  bool pins_memory = false;       // batches are staged in page-locked memory
};

/// One kind of device as a whole: finding devices, making their backends, and what is particular to it. A kind that is not built in has a stand-in that says so.
class Platform {
 public:
  virtual ~Platform() = default;
  virtual DeviceKind kind() const = 0;
  /// False: this is the stand-in.
  virtual bool built_in() const { return true; }
  virtual const DeviceTraits& traits() const = 0;
  /// Devices of this kind that could be used now; empty with `why_not` set where there is none.
  virtual std::vector<DeviceInfo> devices(std::string& why_not) = 0;
  /// After devices(): true where it found none though there seems to be one (a driver that is too old), so that the choice of another is worth a warning.
  virtual bool out_of_order() const { return false; }
  /// Throws DeviceError naming the device and why it cannot be used.
  virtual std::unique_ptr<Backend> open(int index) = 0;
};

/// The platform of a kind: built in (cpu), opened from its module at first use (cuda, accelerator), or the absent stand-in.
Platform& platform_of(DeviceKind kind);

/// What a backend module exports under the name "trm_platform": registers its kernels and returns its platform (a static object).
using PlatformEntry = Platform* (*)();
inline constexpr const char* platform_entry_name = "trm_platform";

}  // namespace trm

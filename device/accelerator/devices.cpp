#include "device/accelerator/devices.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "device/accelerator/check.h"
#include "device/accelerator/context.h"
#include "device/errors.h"

namespace trm::accelerator {
namespace {

constexpr const char* variable = "TRM_ACCELERATOR";

struct OfPlatform {
  std::string name;
  std::vector<Found> devices;
};

std::string platform_text(cl_platform_id platform, cl_platform_info what) {
  size_t bytes = 0;
  if (clGetPlatformInfo(platform, what, 0, nullptr, &bytes) != CL_SUCCESS || bytes == 0) return {};
  std::string text(bytes, '\0');
  if (clGetPlatformInfo(platform, what, bytes, text.data(), nullptr) != CL_SUCCESS) return {};
  while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.pop_back();
  return text;
}

/// Why a device cannot run our programs, or empty.
std::string unfit(cl_device_id device) {
  if (!device_value<cl_bool>(device, CL_DEVICE_AVAILABLE)) return "is not available";
  if (!device_value<cl_bool>(device, CL_DEVICE_COMPILER_AVAILABLE)) return "has no compiler";
  if (!device_value<cl_bool>(device, CL_DEVICE_ENDIAN_LITTLE)) return "is big-endian";
  const std::string version = device_text(device, CL_DEVICE_VERSION);  // "OpenCL 1.2 ..."
  if (version.starts_with("OpenCL 1.0") || version.starts_with("OpenCL 1.1"))
    return "has " + version + ", needed is OpenCL 1.2 or later";
  return {};
}

Found describe(cl_platform_id platform, const std::string& platform_name, cl_device_id device) {
  Found found{platform, device, platform_name, {}};
  const auto type = device_value<cl_device_type>(device, CL_DEVICE_TYPE);
  found.info.name = device_text(device, CL_DEVICE_NAME);
  found.info.driver = platform_name + ", " + device_text(device, CL_DEVICE_VERSION) + ", driver " +
                      device_text(device, CL_DRIVER_VERSION);
  found.info.memory_bytes = device_value<cl_ulong>(device, CL_DEVICE_GLOBAL_MEM_SIZE);
  found.info.eligible = (type & (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR)) != 0;
  if (!found.info.eligible) found.info.note = "OpenCL on a CPU: used only when asked for";
  return found;
}

std::vector<OfPlatform> all_platforms(std::string& why_not) {
  cl_uint count = 0;
  if (const cl_int result = clGetPlatformIDs(0, nullptr, &count); result != CL_SUCCESS || count == 0) {
    why_not =
        "no OpenCL driver (ICD) is installed here; install your GPU's (Debian: intel-opencl-icd, mesa-opencl-icd, "
        "nvidia-opencl-icd; pocl-opencl-icd runs on any CPU)";
    return {};
  }
  std::vector<cl_platform_id> ids(count);
  TRM_CL(clGetPlatformIDs(count, ids.data(), nullptr));
  std::vector<OfPlatform> platforms;
  for (cl_platform_id id : ids) {
    OfPlatform platform{platform_text(id, CL_PLATFORM_NAME), {}};
    cl_uint devices = 0;
    const cl_int result = clGetDeviceIDs(id, CL_DEVICE_TYPE_ALL, 0, nullptr, &devices);
    if (result != CL_SUCCESS || devices == 0) {
      why_not += (why_not.empty() ? "" : "; ") + platform.name + " is installed but has no device here";
      if (result != CL_SUCCESS && result != CL_DEVICE_NOT_FOUND) why_not += ": " + error_name(result);
    } else {
      std::vector<cl_device_id> handles(devices);
      TRM_CL(clGetDeviceIDs(id, CL_DEVICE_TYPE_ALL, devices, handles.data(), nullptr));
      for (cl_device_id device : handles) {
        if (const std::string why = unfit(device); why.empty())
          platform.devices.push_back(describe(id, platform.name, device));
        else
          why_not += (why_not.empty() ? "" : "; ") + device_text(device, CL_DEVICE_NAME) + " " + why;
      }
    }
    platforms.push_back(std::move(platform));
  }
  return platforms;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// `wanted`: nothing, a number, or a part of a name.
bool matches(const std::string& wanted, size_t number, const std::string& name) {
  if (wanted.empty()) return true;
  if (std::all_of(wanted.begin(), wanted.end(), [](unsigned char c) { return std::isdigit(c); }))
    return wanted.size() < 6 && std::stoul(wanted) == number;
  return lower(name).find(lower(wanted)) != std::string::npos;
}

[[noreturn]] void refuse(const std::string& value, const std::vector<OfPlatform>& platforms) {
  std::string there;
  for (size_t p = 0; p < platforms.size(); ++p)
    for (size_t d = 0; d < platforms[p].devices.size(); ++d)
      there += (there.empty() ? "" : ", ") + std::to_string(p) + ":" + std::to_string(d) + " (" + platforms[p].name +
               ": " + platforms[p].devices[d].info.name + ")";
  throw DeviceError(std::string(variable) + "=" + value +
                    " names no OpenCL device: write <platform>:<device>, numbers or parts of names. There is: " +
                    (there.empty() ? "none" : there));
}

}  // namespace

std::vector<Found> find_devices(std::string& why_not) {
  std::vector<OfPlatform> platforms = all_platforms(why_not);
  const char* set = std::getenv(variable);
  if (set && *set) {
    const std::string value(set),
        platform = value.substr(0, value.find(':')),
        device = value.find(':') == std::string::npos ? "" : value.substr(value.find(':') + 1);
    for (size_t p = 0; p < platforms.size(); ++p)
      for (size_t d = 0; d < platforms[p].devices.size(); ++d)
        if (matches(platform, p, platforms[p].name) && matches(device, d, platforms[p].devices[d].info.name))
          return {platforms[p].devices[d]};
    if (!platforms.empty()) refuse(value, platforms);
  }
  std::vector<Found> all;
  for (OfPlatform& platform : platforms) all.insert(all.end(), platform.devices.begin(), platform.devices.end());
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) { return a.info.eligible > b.info.eligible; });
  if (!all.empty()) why_not.clear();
  return all;
}

}  // namespace trm::accelerator

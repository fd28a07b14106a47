#!/usr/bin/env bash
# Gathers the programs and every library they need into one folder that runs on another Linux machine, and packs it.
#   scripts/package.sh [--build DIR] [--out DIR] [--with-cuda-libs] [--benchmarks] [--no-tarball]
# --build DIR        a finished build (default build/release; ./quickstart.sh and ./test.sh make it)
# --out DIR          the folder (default .dist/trm); it is replaced. The tarball lies beside it
# --with-cuda-libs   also NVIDIA's libraries, NCCL among them: then no CUDA toolkit is needed there, only the driver
# --benchmarks       also the benchmark programs
# glibc, MPI and the NVIDIA driver are never packed: the other machine needs its own driver, for several processes on cpu its own Open MPI, and a glibc
# at least as new as this one's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'package: %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

build=build/release out=.dist/trm cuda_libs=0 benchmarks=0 tarball=1
while (($#)); do
  case $1 in
    --build | --out)
      [[ -n ${2:-} ]] || die "$1 needs a folder"
      if [[ $1 == --build ]]; then build=$2; else out=$2; fi
      shift
      ;;
    --with-cuda-libs) cuda_libs=1 ;;
    --benchmarks) benchmarks=1 ;;
    --no-tarball) tarball=0 ;;
    -h | --help)
      sed -n '2,9s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *) die "unknown option $1; scripts/package.sh --help lists them" ;;
  esac
  shift
done
out=$(realpath -m "$out")
[[ $(uname -s) == Linux ]] || die "packages are made on Linux"
[[ -f $build/CMakeCache.txt ]] || die "$build is no build folder: run ./quickstart.sh or ./test.sh first, or name one with --build"
[[ ! -e $out || -f $out/.trm-package || -z $(ls -A "$out" 2>/dev/null) ]] || die "$out holds something else: name another folder with --out"

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
version=$(cached CMAKE_PROJECT_VERSION)

# Whatever fails: the old folder stays as it is until the new one is whole.
mkdir -p "$(dirname "$out")"
final=$out work=$(mktemp -d "$(dirname "$out")/.trm-package-XXXXXX")
trap 'rm -rf "$work"' EXIT
out=$work/$(basename "$final")
mkdir -p "$out/lib"
touch "$out/.trm-package"
if ! cmake --install "$build" --prefix "$work/install" >"$work/log" 2>&1; then
  sed 's/^/  /' "$work/log" >&2
  die "cmake --install $build failed, as said above; if files are missing, the build is not finished: cmake --build $build"
fi
mv "$work/install/bin" "$out/bin"
find "$work/install" -name '*.so*' -exec mv {} "$out/lib/" \;
if ((benchmarks)); then
  for program in "$build"/bin/bench_* "$build"/bin/cuda_ladder; do
    [[ -x $program ]] && cp "$program" "$out/bin/"
  done
fi
cp LICENSE README.md "$out/"
[[ -d config ]] && cp -r config "$out/config"

# Where this build found NVIDIA's libraries.
nvcc=$(cached TRM_NVCC)
search=$out/lib
[[ -n $nvcc && $nvcc != *NOTFOUND ]] && search+=:$(dirname "$(dirname "$nvcc")")/lib64

of_glibc_or_driver() {
  case $1 in
    ld-linux* | libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | libutil.so.* | libnsl.so.* | linux-vdso*) return 0 ;;
    libcuda.so.* | libnvidia-* | libOpenCL-driver*) return 0 ;;
  esac
  return 1
}
of_cuda() { [[ $1 != libcurl* && ($1 == libcu* || $1 == libnv* || $1 == libnccl*) ]]; }
# Processes are brought together by the MPI whose mpirun starts them.
of_mpi() { [[ $1 == libmpi* || $1 == libopen-* ]]; }

left_out=()
gather() {
  local file=$1 name path
  while read -r name path; do
    of_glibc_or_driver "$name" && continue
    of_mpi "$name" && continue
    if of_cuda "$name" && ((!cuda_libs)); then
      left_out+=("$name")
      continue
    fi
    [[ $path == found ]] && die "$(basename "$file") needs $name, which is not found here"
    if [[ ! -e $out/lib/$name ]]; then
      cp -L "$path" "$out/lib/$name"
      chmod u+w "$out/lib/$name"
      gather "$out/lib/$name"
    fi
  done < <(LD_LIBRARY_PATH=$search ldd "$file" | sed -n 's/^\t\([^ ]*\) => \(not \)\{0,1\}\([^ ]*\).*/\1 \3/p')
}
for file in "$out"/bin/* "$out"/lib/*.so*; do gather "$file"; done

# The programs and our libraries look beside themselves, and so do the libraries they load (an RPATH, not a RUNPATH: cmake/Trm.cmake).
for file in "$out"/bin/* "$out"/lib/libtrm_*; do
  strip --strip-unneeded "$file"
  if readelf -d "$file" | grep -q RUNPATH; then
    command -v patchelf >/dev/null || die "$file was linked with a RUNPATH, which does not reach the libraries of libraries; install patchelf, or build again"
    patchelf --force-rpath --set-rpath "\$ORIGIN:\$ORIGIN/../lib" "$file"
  fi
done

glibc=$(for file in "$out"/bin/* "$out"/lib/*; do objdump -T "$file" 2>/dev/null; done | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
rm -rf "$final"
mv "$out" "$final"
out=$final
say "$out: $(find "$out/bin" -type f | wc -l) programs, $(find "$out/lib" -name '*.so*' | wc -l) libraries, $(du -sh "$out" | cut -f1); needs ${glibc/_/ } or later"
if ((${#left_out[@]})); then
  say "left out, the CUDA toolkit of the other machine has them: $(printf '%s\n' "${left_out[@]}" | sort -u | tr '\n' ' ')(--with-cuda-libs packs them)"
fi
if ((tarball)); then
  archive=$(dirname "$out")/trm-$version-linux-$(uname -m).tar.gz
  tar -C "$(dirname "$out")" -czf "$archive" "$(basename "$out")"
  say "$archive: $(du -h "$archive" | cut -f1)"
fi

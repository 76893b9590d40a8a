#!/usr/bin/env bash
# setup_cuda.sh CASE: cmake/setup-cuda against a mirror that is not there: apt-get and its kind are stand-ins.
set -euo pipefail
setup=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../../cmake/setup-cuda")
(. /etc/os-release && [[ $ID == debian ]]) 2>/dev/null || {
  printf 'setup_cuda.sh: Skipped\nthis system is not Debian\n'
  exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
prefix=$folder/cuda
mkdir "$folder/bin"
PATH=$folder/bin:$PATH

# stand_in NAME: a program of that name; the standard input is its body.
stand_in() {
  { echo '#!/usr/bin/env bash' && cat; } >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}

stand_in dpkg <<<'echo amd64'
stand_in curl <<<'exit 22'
stand_in apt-config <<<''
stand_in apt-get <<'STAND_IN'
case $* in
  *--print-uris*) . /etc/os-release && echo "'http://mirror.test/dists/$VERSION_CODENAME/InRelease' list 0" ;;
  *download*) echo 'not a package' >stand-in.deb ;;
esac
STAND_IN
# Every package in the version that is pinned.
stand_in apt-cache <<STAND_IN
awk -v name="\${@: -1}" '/^(package|split) / && \$2 == name { print name " | " \$3 " | trixie" }' "${setup%/*}/cuda-packages.txt"
STAND_IN

# expect CODE TEXT ARGUMENT...: the exit code, and a part of what is said.
expect() {
  local code=0 output
  output=$("$setup" --prefix "$prefix" "${@:3}" 2>&1) || code=$?
  [[ $code == "$1" && $output == *"$2"* ]] || {
    printf 'expected exit code %s and "%s", got %s and:\n%s\n' "$1" "$2" "$code" "$output"
    exit 1
  }
}

nothing_left() {
  [[ ! -e $prefix && ! -e $prefix.new ]] || { ls -d "$prefix"* && exit 1; }
}

case $1 in
  other_version)
    stand_in apt-cache <<<'echo "${@: -1} | 99.1-1 | trixie"'
    expected=$(awk '$1 == "package" { print $3; exit }' "${setup%/*}/cuda-packages.txt")
    expect 1 "has nvidia-cuda-toolkit 99.1-1, cmake/cuda-packages.txt expects $expected"
    nothing_left
    ;;
  no_network)
    stand_in apt-get <<'STAND_IN'
case $* in
  *--print-uris*) . /etc/os-release && echo "'http://mirror.test/dists/$VERSION_CODENAME/InRelease' list 0" ;;
  *update*) echo 'E: could not resolve' && exit 100 ;;
esac
STAND_IN
    expect 5 'the mirror http://mirror.test/ cannot be read'
    nothing_left
    ;;
  no_mirror)
    stand_in apt-get <<<''
    expect 5 "apt's sources name no mirror of Debian"
    ;;
  other_processor)
    stand_in dpkg <<<'echo riscv64'
    expect 5 'install a CUDA toolkit, 11.8 to 13.x'
    ;;
  wrong_file)
    expect 1 'nvidia-cuda-toolkit 12.4.131~12.4.1-2 is not the expected file'
    nothing_left
    ;;
  foreign_prefix)
    mkdir "$prefix" && touch "$prefix/mine"
    expect 1 'was not made by this command'
    [[ -e $prefix/mine ]]
    ;;
  reuse)
    mkdir "$prefix" && cp "${setup%/*}/cuda-packages.txt" "$prefix/packages.txt"
    stand_in apt-get <<<'exit 1'
    expect 0 'is complete'
    # Packages of another toolkit version: made anew.
    echo '# changed' >>"$prefix/packages.txt"
    expect 5 'no mirror'
    ;;
  killed)
    # Killed while it fetches: the next one clears up, and waits for none.
    mkfifo "$folder/fetching"
    stand_in apt-get <<STAND_IN
case \$* in
  *--print-uris*) . /etc/os-release && echo "'http://mirror.test/dists/\$VERSION_CODENAME/InRelease' list 0" ;;
  *update*) echo >"$folder/fetching" && exec sleep 60 ;;
esac
STAND_IN
    set -m
    "$setup" --prefix "$prefix" >/dev/null 2>&1 &
    read -r <"$folder/fetching"
    [[ -e $prefix.new && ! -e $prefix ]]
    kill -KILL -- -$!
    wait $! 2>/dev/null || true
    [[ -e $prefix.new ]]
    stand_in apt-cache <<<''
    sed -i 's/echo >.*/exit 1 ;;/' "$folder/bin/apt-get"
    expect 5 'cannot be read'
    nothing_left
    ;;
  *) echo "no such case: $1" && exit 1 ;;
esac

# What ./run needs before it can do anything: packages, the engine, build folders.
# Sourced by ./run.

# The names in tools/packages.txt that are not installed.  A second word names who needs it: "test".
# What is here from elsewhere (rustup, node's own packages) is used rather than replaced.
packages_missing() {
    local group=$1 name for
    while read -r name for; do
        case $name in
        '' | '#'*) continue ;;
        cargo-web | rustc-web) tools/engine toolchain >/dev/null 2>&1 && continue ;;
        npm | chromium) command -v "$name" >/dev/null && continue ;;
        esac
        [ "${for:-build}" = build ] || [ "$for" = "$group" ] || continue
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done <tools/packages.txt
}

# setup_packages GROUP installs what is missing: as root, else with sudo, else says what to type.
setup_packages() {
    local missing sudo=()
    command -v apt-get >/dev/null || return 0
    mapfile -t missing < <(packages_missing "$1")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || { [ "$run_tty" = no ] && ! sudo -n true 2>/dev/null; }; then
            say "Some packages are missing and this user may not install them.  Type this, then try again:" >&2
            stop "apt-get install --no-install-recommends ${missing[*]}"
        fi
        sudo -v
        sudo=(sudo)
    fi
    step "list packages" "${sudo[@]}" apt-get update || return 1
    step "install ${#missing[@]} packages" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"
}

setup_engine() {
    if ! engine_dir=$(tools/engine path 2>/dev/null); then
        step "build the WASM engine (once, some minutes)" tools/engine build || return 1
        engine_dir=$(tools/engine path)
    fi
}

# setup_folder NAME [ENV...] -- MESON-OPTIONS: configures build/NAME, again when the engine moved.
setup_folder() {
    local name=$1 dir=build/$1 environment=()
    shift
    while [ "$1" != -- ]; do
        environment+=("$1")
        shift
    done
    shift
    if [ ! -e "$dir/build.ninja" ]; then
        step "configure $name" env "${environment[@]}" meson setup "$dir" -Dengine_dir="$engine_dir" "$@" ||
            return 1
    elif [ "$(cat "$dir/.engine" 2>/dev/null)" != "$engine_dir" ]; then
        step "configure $name" meson configure "$dir" -Dengine_dir="$engine_dir" || return 1
    fi
    echo "$engine_dir" >"$dir/.engine"
}

# setup_build NAME...: everything up to the built folders build/NAME, once a run.
setup_done=' '
setup_build() {
    local name
    setup_packages build && setup_engine || return 1
    for name; do
        [[ $setup_done != *" $name "* ]] || continue
        case $name in
        debug) setup_folder debug -- ;;
        release) setup_folder release -- -Doptimization=2 -Ddebug=true ;;
        asan) setup_folder asan -- -Doptimization=1 -Db_sanitize=address,undefined ;;
        clang) setup_folder clang CC=clang-14 -- ;;
        fuzz) setup_folder fuzz CC=clang-14 -- -Dfuzz=true -Doptimization=1 -Db_lundef=false ;;
        *) stop "no build folder '$name'; there are debug, release, asan and clang" ;;
        esac || return 1
        [ "$name" = fuzz ] || step "build $name" ninja -C "build/$name" || return 1
        setup_done="$setup_done$name "
    done
}

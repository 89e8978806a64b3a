//! Copies the C headers, which the dependency's own build script generates,
//! to the folder named by PLATFORM_ENGINE_INCLUDE, where the C build finds them.
use std::{env, fs, io, path::Path};

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn main() {
    println!("cargo:rerun-if-env-changed=PLATFORM_ENGINE_INCLUDE");
    let from = env::var("DEP_WASMTIME_C_API_INCLUDE").expect("headers of wasmtime-c-api-impl");
    if let Ok(to) = env::var("PLATFORM_ENGINE_INCLUDE") {
        copy(Path::new(&from), Path::new(&to)).expect("copy the engine's headers");
    }
}

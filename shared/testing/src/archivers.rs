//! Judges of ZIPs: four programs of other people, each of which reads all of it.

use std::path::Path;
use std::process::Command;

/// Fails unless every one of them finds the ZIP whole.
pub fn all_accept(zip: &Path) {
    let path = zip.to_str().expect("a path that is text");
    let script =
        "import sys, zipfile; bad = zipfile.ZipFile(sys.argv[1]).testzip(); sys.exit(bad and f'damaged: {bad!r}')";
    std::thread::scope(|threads| {
        for argv in [
            vec!["unzip", "-tqq", path],
            vec!["python3", "-c", script, path],
            vec!["7z", "t", "-bd", path],
            // -t would read headers only; to write everything to nowhere is to read it all.
            vec!["bsdtar", "-xOf", path],
        ] {
            threads.spawn(move || accept(&argv));
        }
    });
}

fn accept(argv: &[&str]) {
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).env("LC_ALL", "C.UTF-8");
    if argv[0] == "bsdtar" {
        command.stdout(std::process::Stdio::null());
    }
    let done = command.output().unwrap_or_else(|error| panic!("{}: {error}: `make test` installs it", argv[0]));
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{} ended with {}:\n{said}", argv.join(" "), done.status);
    assert!(!said.to_lowercase().contains("warning"), "{}:\n{said}", argv.join(" "));
}

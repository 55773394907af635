/// The largest resident memory of this process so far, in bytes, as Linux counts it (`VmHWM`); `None` elsewhere.
pub fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn peak_grows_with_what_is_touched() {
        let before = super::peak_resident_bytes().unwrap();
        let touched = vec![1u8; 64 << 20];
        assert!(super::peak_resident_bytes().unwrap() >= before.max(64 << 20), "{}", touched.len());
    }
}

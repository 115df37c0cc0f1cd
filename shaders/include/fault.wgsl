// Reports a value outside its range through the binding `faults` of the including kernel:
// the first report wins; the host turns it into an error at the next read.
fn report_fault(site: u32, value: i32, limit: u32) {
  let claim = atomicCompareExchangeWeak(&faults[0], 0u, site);
  if (claim.exchanged) {
    atomicStore(&faults[1], bitcast<u32>(value));
    atomicStore(&faults[2], limit);
  }
}

// The parts of the logarithms of binomial and Poisson probabilities, in a form where no two large numbers cancel
// (C. Loader, Fast and accurate computation of binomial probabilities, 2000).

// k ln(k / m) + m - k for k and m above 0
fn deviance(k: f32, m: f32) -> f32 {
  let difference = k - m;
  if (abs(difference) > 0.1 * (k + m)) { return k * log(k / m) - difference; }
  let v = difference / (k + m);
  let v2 = v * v;
  return difference * v + 2.0 * k * v * v2 * (0.33333334 + v2 * (0.2 + v2 * (0.14285715 + v2 * 0.11111111)));
}

// ln k! less Stirling's (k + 1/2) ln k - k + ln(2 pi) / 2, for whole k above 0
fn stirling_rest(k: f32) -> f32 {
  if (k < 2.0) { return 0.08106147; }
  let z = 1.0 / (k * k);
  return (0.083333336 - z * (0.0027777778 - z * (0.00079365080 - z * 0.0005952381))) / k;
}

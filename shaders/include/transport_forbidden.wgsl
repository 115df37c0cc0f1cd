// The cost of a pair that is forbidden: finite, since WGSL may assume that there is no Infinity.
const FORBIDDEN = 1e30;

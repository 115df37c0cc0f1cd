/**
 * What a user of PyTorch looks for, by family. A row is `PyTorch | ours | jax-js | note`:
 * - PyTorch: names below `torch`, the first of which gives "=" its meaning;
 * - ours: names of the package (`.name` is a method or property of Tensor), "=" for the first name in camelCase,
 *   or "- what to do instead";
 * - jax-js: its names, "=" for `numpy.` and the first name in camelCase, nothing where it has none.
 * Rows without a PyTorch name are what only the others have.
 */

export interface NameFamily {
  readonly title: string;
  readonly rows: string;
}

const complexPairs = "complex numbers are pairs of tensors, `fft.Complex`";

export const nameFamilies: readonly NameFamily[] = [
  {
    title: "Pointwise",
    rows: `
abs, absolute | = | numpy.abs
acos, arccos | = | =
acosh, arccosh | = | =
add | = | =
addcdiv | = |
addcmul | = |
angle | - ${complexPairs}: \`atan2(imag, real)\` |
asin, arcsin | = | =
asinh, arcsinh | = | =
atan, arctan | = | =
atan2, arctan2 | = | =
atanh, arctanh | = | =
bitwise_and | = | =
bitwise_left_shift | = | =
bitwise_not | = | =
bitwise_or | = | =
bitwise_right_shift | = | =
bitwise_xor | = | =
ceil | = | =
clamp, clip, clamp_min, clamp_max | = | numpy.clip
conj, real, imag, complex, polar, view_as_real, view_as_complex | - ${complexPairs} |
copysign | = | =
cos | = | =
cosh | = | =
deg2rad | = | =
div, divide, true_divide | = | numpy.divide
eq | = | numpy.equal
exp | = | =
expm1, special.expm1 | = | =
exp2, special.exp2 | = | =
float_power | - \`pow\`; there is no f64 | =
floor | = | =
floor_divide | = | =
fmax | - \`where(isnan(a), b, maximum(a, b))\` | =
fmin | - \`where(isnan(a), b, minimum(a, b))\` | =
fmod | = | =
frac | = |
frexp | - \`floor(log2(abs(x)))\` gives the exponent | =
gcd, lcm | - a loop on the host |
ge, greater_equal | = | numpy.greaterEqual
gt, greater | = | numpy.greater
heaviside | = | =
hypot | = | =
isclose | = |
allclose | = | =
isfinite | = | =
isinf | = | =
isnan | = | =
isneginf | = | =
isposinf | = | =
isreal | - every tensor is real |
ldexp | - \`mul(x, exp2(n))\` | =
le, less_equal | = | numpy.lessEqual
lerp | = |
log | = | =
log10 | = | =
log1p, special.log1p | = | =
log2 | = | =
logaddexp | = | =
logaddexp2 | = | =
logical_and | = | =
logical_not | = | =
logical_or | = | =
logical_xor | = | =
lt, less | = | numpy.less
maximum | = | =
minimum | = | =
mul, multiply | = | numpy.multiply
nan_to_num | = | =
ne, not_equal | = | numpy.notEqual
neg, negative | = | numpy.negative
nextafter | - none |
positive | - \`clone\` | =
pow | = | =
rad2deg | = | =
reciprocal | = | =
remainder | = | =
round, special.round | = | =
rsqrt | = | | jax-js: \`reciprocal(sqrt(x))\`
sign, sgn | = | =
signbit | = | =
sin | = | =
sinc, special.sinc | = | =
sinh | = | =
sqrt | = | =
square | = | =
sub, subtract | = | numpy.subtract
tan | = | =
tanh | = | =
trunc, fix | = | =
where | = | =
xlogy, special.xlogy | = |
special.xlog1py | - \`mul(x, log1p(y))\`, 0 where x is |
 | - \`sign(x) * pow(abs(x), 1 / 3)\` | numpy.cbrt
 | - two calls: \`floorDivide\`, \`remainder\` | numpy.divmod
 | - \`trunc\`, \`frac\` | numpy.modf
 | - none | numpy.bitwiseCount
`,
  },
  {
    title: "Special functions",
    rows: `
erf, special.erf | = | lax.erf, scipySpecial.erf
erfc, special.erfc | = | lax.erfc, scipySpecial.erfc
erfinv, special.erfinv | = |
special.erfcx | - none |
lgamma, special.gammaln | = |
digamma, special.digamma, special.psi | = |
polygamma, special.polygamma | = |
mvlgamma, special.multigammaln | - a sum of \`lgamma\` |
igamma, igammac, special.gammainc, special.gammaincc | - none; draws from the gamma distribution have their derivatives |
logit, special.logit | = | scipySpecial.logit
sigmoid, special.expit | = | nn.sigmoid
special.entr | - \`neg(xlogy(x, x))\` |
special.ndtr | - \`mul(0.5, erfc(-x / √2))\` |
special.ndtri | - \`√2 · erfinv(2p - 1)\` |
special.log_ndtr | - \`log\` of the above, where it does not underflow |
special.zeta | - \`polygamma\`, for whole orders |
i0, special.i0, special.i0e, special.i1, special.i1e | - none |
special.bessel_j0, special.bessel_j1, special.bessel_y0, special.bessel_y1, special.airy_ai | - none |
special.chebyshev_polynomial_t, special.hermite_polynomial_h, special.legendre_polynomial_p | - their recurrences, with \`scan\` | | jax-js has polynomials by coefficients: \`numpy.polyval\`
`,
  },
  {
    title: "Reductions, statistics and scans",
    rows: `
sum | = | =
mean | = | =
prod | = | =
amax, max | max | numpy.max
amin, min | min | numpy.min
aminmax | - \`min\` and \`max\` | numpy.ptp
any | = | =
all | = | =
argmax | = | =
argmin | = | =
var | variance | numpy.var_
var_mean | = |
std | = | =
std_mean | = |
cov | - \`matmul(transpose(x, 0, 1), x)\` of centred columns | =
corrcoef | - as \`cov\`, of standardised columns | =
median | = |
nanmedian | = |
quantile | = |
nanquantile | - none; \`nanmedian\`, \`quantile\` |
mode | = |
nanmean | = | =
nansum | = | =
logsumexp, special.logsumexp | logSumExp | nn.logsumexp, scipySpecial.logsumexp
softmax, nn.functional.softmax | softmax, nn.functional.softmax | nn.softmax
log_softmax, nn.functional.log_softmax | logSoftmax, nn.functional.logSoftmax | nn.logSoftmax
norm, linalg.norm, linalg.vector_norm | norm | numpy.linalg.norm, numpy.linalg.vectorNorm
dist | - \`norm(sub(a, b))\` |
count_nonzero | = | =
bincount | = | | the number of bins is given: shapes are known before the data
histc | = |
histogram, histogramdd | - \`bucketize\` and \`bincount\` |
cumsum | = | =
cumprod | = | =
cummax | = |
cummin | = |
logcumsumexp | = |
diff | = | =
gradient | - \`diff\`, or slices |
trapezoid, trapz | = | =
cumulative_trapezoid | = |
equal | - \`all(eq(a, b))\` | numpy.arrayEqual
segment_reduce | segmentSum, segmentMean, segmentMax, segmentMin, segmentProd | | ids in any order
 | - \`sum(mul(x, weights))\` | numpy.average
 | - \`where\` before \`max\`, \`prod\`, \`variance\`, \`cumsum\` | numpy.nanmax, numpy.nanmin, numpy.nanprod, numpy.nanvar, numpy.nanstd, numpy.nanargmax, numpy.nancumsum
`,
  },
  {
    title: "Shape",
    rows: `
reshape, Tensor.view, Tensor.reshape_as | = | =
flatten | = | | jax-js: \`numpy.ravel\`
ravel | = | =
unflatten | = |
squeeze | = | =
unsqueeze | = | numpy.expandDims
permute | = | numpy.transpose, numpy.permuteDims
transpose, t, Tensor.T, Tensor.mT, adjoint | = | numpy.swapaxes, numpy.matrixTranspose
swapdims, swapaxes | = | numpy.swapaxes
movedim | = |
moveaxis | = | =
Tensor.expand, Tensor.expand_as | expand | numpy.broadcastTo
broadcast_to | = | =
broadcast_tensors | = | numpy.broadcastArrays
broadcast_shapes | - the errors of operations name both shapes | =
atleast_1d | = |
atleast_2d | = |
atleast_3d | = |
Tensor.contiguous | contiguous |
clone | = | | jax-js counts references: \`Array.ref\`
detach | stopGradient, .detach | lax.stopGradient
narrow | = |
select | = |
Tensor.unfold | unfold |
as_strided | - views by \`slice\`, \`expand\`, \`unfold\`, \`diagonal\` |
cat, concat, concatenate | = | numpy.concatenate
stack | = | =
hstack | = | =
vstack, row_stack | = | =
dstack | = | =
column_stack | = | =
block_diag | = |
split, split_with_sizes | = | numpy.split
chunk | = |
tensor_split, hsplit, vsplit, dsplit | = | numpy.arraySplit, numpy.hsplit, numpy.vsplit, numpy.dsplit
unbind | = | numpy.unstack
flip | = | =
fliplr | = | =
flipud | = | =
roll | = | =
rot90 | = | =
tile | = | =
Tensor.repeat | repeat | numpy.tile
repeat_interleave | = | numpy.repeat
tril | = | =
triu | = | =
diag | = | =
diag_embed | = |
diagonal, linalg.diagonal | = | =
diagflat | - \`diag(flatten(x))\` | =
diagonal_scatter, select_scatter, slice_scatter | - \`indexPut\`, \`where\` |
meshgrid | = | =
cartesian_prod | = |
combinations | = |
tril_indices | = |
triu_indices | = |
vander, linalg.vander | = | =
nn.functional.pad, constant_pad_nd | pad, nn.functional.pad | numpy.pad | jax-js: constant mode
Tensor.size, Tensor.shape, numel, Tensor.dim | .shape, .size, .rank | Array.shape, Array.size, Array.ndim
Tensor.sum_to_size | - \`sum\` over the dimensions |
`,
  },
  {
    title: "Indexing, order and search",
    rows: `
Tensor.__getitem__ | index, slice | Array.slice
index_put, Tensor.__setitem__ | indexPut | | results are new tensors: nothing is written in place
gather | = |
take_along_dim | = | numpy.takeAlongAxis
take | = | =
put | - \`indexPut\` of the flattened tensor |
index_select | = | numpy.take
index_add | = |
index_copy | = |
index_fill | = |
index_reduce | - \`scatterReduce\` |
scatter | = |
scatter_add | = |
scatter_reduce | = |
masked_fill | = | | jax-js: \`numpy.where\`
masked_scatter | = |
masked_select | = | | the size of the result is given
nonzero | = | | the size of the result is given
argwhere | = | | the size of the result is given
sort | = | =
argsort | = | =
msort | = |
topk | topK | lax.topK
kthvalue | = |
unique | = | | the size of the result is given
unique_consecutive | - \`unique\`, or \`diff\` and \`nonzero\` |
searchsorted | = |
bucketize | = |
isin | = | =
nn.functional.embedding | embedding, nn.functional.embedding | | jax-js: \`numpy.take\`
nn.functional.embedding_bag | - \`segmentSum(embedding(…), ids, bags)\` |
nn.functional.one_hot | oneHot | nn.oneHot
`,
  },
  {
    title: "Creation",
    rows: `
tensor, as_tensor, from_numpy | = | numpy.array
zeros | = | =
ones | = | =
full | = | =
empty, empty_like | - \`zeros\` | | jax-js: \`numpy.zeros\`
zeros_like | = | =
ones_like | = | =
full_like | = | =
arange | = | =
linspace | = | =
logspace | = | =
eye | = | =
hann_window, hamming_window, blackman_window, bartlett_window, kaiser_window | - \`cos\` of \`linspace\` | numpy.hann, numpy.blackman, numpy.bartlett
 | - \`exp(linspace(…))\` | numpy.geomspace
 | - \`arange\` and \`expand\` | numpy.indices, numpy.fromfunction
`,
  },
  {
    title: "Products",
    rows: `
matmul, linalg.matmul | = | =
mm | = |
bmm | = |
mv | = | numpy.matvec
dot, vdot, linalg.vecdot | = | numpy.dot, numpy.vdot, numpy.vecdot
inner | = | =
outer, ger | = | =
addmm, addmv, addr | = |
baddbmm, addbmm | = |
einsum | = | =
tensordot | = | =
kron | = |
cross, linalg.cross | = | =
linalg.multi_dot, chain_matmul | multiDot | =
trace | linalg.trace | =
nn.functional.linear | linear, nn.functional.linear | | jax-js: \`numpy.matmul\`
nn.functional.bilinear | bilinear, nn.functional.bilinear |
cdist | = |
pdist, nn.functional.pdist | - \`cdist(x, x)\` and \`triuIndices\` |
nn.functional.cosine_similarity | cosineSimilarity, nn.functional.cosineSimilarity |
nn.functional.pairwise_distance | pairwiseDistance, nn.functional.pairwiseDistance |
`,
  },
  {
    title: "Convolution, pooling and resizing",
    rows: `
nn.functional.conv1d | conv1d, nn.functional.conv1d | lax.conv, numpy.convolve
nn.functional.conv2d | conv2d, nn.functional.conv2d | lax.convGeneralDilated
nn.functional.conv3d | conv3d, nn.functional.conv3d | lax.convGeneralDilated
nn.functional.conv_transpose1d | convTranspose1d, nn.functional.convTranspose1d | lax.convTranspose
nn.functional.conv_transpose2d | convTranspose2d, nn.functional.convTranspose2d | lax.convTranspose
nn.functional.conv_transpose3d | convTranspose3d, nn.functional.convTranspose3d | lax.convTranspose
nn.functional.unfold | nn.functional.unfold |
nn.functional.fold | nn.functional.fold |
nn.functional.avg_pool1d, nn.functional.avg_pool2d, nn.functional.avg_pool3d | avgPool1d, avgPool2d, avgPool3d | lax.reduceWindow
nn.functional.max_pool1d, nn.functional.max_pool2d, nn.functional.max_pool3d | maxPool1d, maxPool2d, maxPool3d | lax.reduceWindow
nn.functional.lp_pool1d, nn.functional.lp_pool2d | lpPool1d, lpPool2d |
nn.functional.adaptive_avg_pool1d, nn.functional.adaptive_avg_pool2d, nn.functional.adaptive_avg_pool3d | adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d |
nn.functional.adaptive_max_pool1d, nn.functional.adaptive_max_pool2d, nn.functional.adaptive_max_pool3d | adaptiveMaxPool1d, adaptiveMaxPool2d, adaptiveMaxPool3d |
nn.functional.max_unpool1d, nn.functional.max_unpool2d, nn.functional.max_unpool3d | - \`scatter\` with the indices of \`maxPool2d(x, size, { returnIndices: true })\` |
nn.functional.fractional_max_pool2d | - none |
nn.functional.interpolate, nn.functional.upsample | interpolate, nn.functional.interpolate |
nn.functional.pixel_shuffle | pixelShuffle, nn.functional.pixelShuffle |
nn.functional.pixel_unshuffle | pixelUnshuffle, nn.functional.pixelUnshuffle |
nn.functional.channel_shuffle | - \`reshape\`, \`transpose\`, \`reshape\` |
nn.functional.grid_sample, nn.functional.affine_grid | - none |
`,
  },
  {
    title: "Activations",
    rows: `
nn.functional.relu, relu | relu, nn.functional.relu | nn.relu
nn.functional.relu6 | relu6, nn.functional.relu6 | nn.relu6
nn.functional.leaky_relu | leakyRelu, nn.functional.leakyRelu | nn.leakyRelu
nn.functional.rrelu | - \`leakyRelu\` with the mean slope |
nn.functional.prelu | prelu, nn.functional.prelu |
nn.functional.elu | elu, nn.functional.elu | nn.elu
nn.functional.celu | celu, nn.functional.celu | nn.celu
nn.functional.selu | selu, nn.functional.selu | nn.selu
nn.functional.gelu | gelu, nn.functional.gelu | nn.gelu
nn.functional.silu | silu, nn.functional.silu | nn.silu, nn.swish
nn.functional.mish | mish, nn.functional.mish | nn.mish
nn.functional.glu | glu, nn.functional.glu | nn.glu
nn.functional.sigmoid | sigmoid, nn.functional.sigmoid | nn.sigmoid
nn.functional.logsigmoid | logSigmoid, nn.functional.logSigmoid | nn.logSigmoid
nn.functional.hardsigmoid | hardsigmoid, nn.functional.hardsigmoid | nn.hardSigmoid
nn.functional.hardswish | hardswish, nn.functional.hardswish | nn.hardSwish
nn.functional.hardtanh | hardtanh, nn.functional.hardtanh | nn.hardTanh
nn.functional.hardshrink | hardshrink, nn.functional.hardshrink |
nn.functional.softshrink | softshrink, nn.functional.softshrink |
nn.functional.tanhshrink | tanhshrink, nn.functional.tanhshrink |
nn.functional.threshold | threshold, nn.functional.threshold |
nn.functional.softplus | softplus, nn.functional.softplus | nn.softplus
nn.functional.softsign | softsign, nn.functional.softsign | nn.softSign
nn.functional.tanh | nn.functional.tanh | numpy.tanh
nn.functional.softmin | - \`softmax(neg(x))\` |
nn.functional.gumbel_softmax | - \`softmax(add(logits, random.gumbel(key, shape)))\` |
 | - composed | nn.squareplus, nn.sparsePlus, nn.sparseSigmoid, nn.log1mexp, nn.logmeanexp
`,
  },
  {
    title: "Normalisation, dropout and attention",
    rows: `
nn.functional.layer_norm | layerNorm, nn.functional.layerNorm | | jax-js: \`nn.standardize\`, without weights
nn.functional.rms_norm | rmsNorm, nn.functional.rmsNorm |
nn.functional.batch_norm | batchNorm, nn.functional.batchNorm |
nn.functional.group_norm | groupNorm, nn.functional.groupNorm |
nn.functional.instance_norm | instanceNorm, nn.functional.instanceNorm |
nn.functional.local_response_norm | localResponseNorm, nn.functional.localResponseNorm |
nn.functional.normalize | normalize, nn.functional.normalize |
renorm | - \`normalize\`, or \`where\` of \`norm\` |
nn.functional.dropout | dropout, nn.functional.dropout |
nn.functional.dropout1d, nn.functional.dropout2d, nn.functional.dropout3d | - \`mul(x, dropout(ones([N, C, 1, 1]), p, key))\` |
nn.functional.alpha_dropout | - none |
nn.functional.scaled_dot_product_attention | scaledDotProductAttention, nn.functional.scaledDotProductAttention | nn.dotProductAttention | fused, memory linear in time; see attention.md
 | packedAttention, nn.functional.packedAttention | | q, k and v as one tensor, as a linear layer gives them
 | rotaryEmbedding, nn.functional.rotaryEmbedding | | rotary positions (RoPE)
`,
  },
  {
    title: "Recurrent",
    rows: `
gru_cell | gruCell |
lstm_cell | lstmCell |
rnn_tanh_cell, rnn_relu_cell | rnnCell |
lstm, gru, rnn_tanh, rnn_relu | nn.LSTM, nn.GRU, nn.RNN |
nn.utils.rnn.pack_padded_sequence | - pad, and mask the loss |
 | scan | | any recurrence, differentiated in little memory
`,
  },
  {
    title: "Losses",
    rows: `
nn.functional.cross_entropy | crossEntropy, nn.functional.crossEntropy | | fused; class weights, soft targets, smoothing, ignored targets
 | nn.functional.stableMax, nn.functional.logStableMax, nn.functional.stableMaxCrossEntropy | | softmax without its collapse
nn.functional.nll_loss | = |
nn.functional.mse_loss | = |
nn.functional.l1_loss | = |
nn.functional.smooth_l1_loss | = |
nn.functional.huber_loss | = |
nn.functional.binary_cross_entropy | = |
nn.functional.binary_cross_entropy_with_logits | nn.functional.bceWithLogits |
nn.functional.kl_div | = |
nn.functional.gaussian_nll_loss | = |
nn.functional.poisson_nll_loss | = |
nn.functional.hinge_embedding_loss | = |
nn.functional.soft_margin_loss | = |
nn.functional.margin_ranking_loss | = |
nn.functional.cosine_embedding_loss | = |
nn.functional.triplet_margin_loss | = |
nn.functional.triplet_margin_with_distance_loss | - \`mean(relu(add(sub(d(a, p), d(a, n)), margin)))\` |
nn.functional.multi_margin_loss | - \`gather\` and \`relu\` |
nn.functional.multilabel_margin_loss | - \`gather\` and \`relu\` |
nn.functional.multilabel_soft_margin_loss | - \`bceWithLogits\`, averaged |
nn.functional.ctc_loss | - none |
`,
  },
  {
    title: "Spectral",
    rows: `
fft.fft | = | numpy.fft.fft
fft.ifft | = | numpy.fft.ifft
fft.rfft | = | numpy.fft.rfft
fft.irfft | = | numpy.fft.irfft
fft.fft2 | = | numpy.fft.fft2
fft.ifft2 | = | numpy.fft.ifft2
fft.fftn | = | numpy.fft.fftn
fft.ifftn | = | numpy.fft.ifftn
fft.rfft2, fft.rfftn | - \`fft2\`, \`fftn\`: half of the result is redundant | numpy.fft.rfft2, numpy.fft.rfftn
fft.irfft2, fft.irfftn | - the real part of \`ifft2\`, \`ifftn\` | numpy.fft.irfft2, numpy.fft.irfftn
fft.hfft, fft.ihfft | - \`irfft\`, \`rfft\` of the conjugate | numpy.fft.hfft, numpy.fft.ihfft
fft.fftfreq | = | numpy.fft.fftfreq
fft.rfftfreq | = | numpy.fft.rfftfreq
fft.fftshift | = | numpy.fft.fftshift
fft.ifftshift | = | numpy.fft.ifftshift
stft, istft | - \`fft.rfft(mul(unfold(x, -1, length, hop), window))\` |
 | fft.dct, fft.idct | | SciPy's cosine transforms of types 2 and 3
 | fft.hadamardTransform | | Walsh-Hadamard
 | - \`remainder\` of \`diff\` | numpy.unwrap
`,
  },
  {
    title: "Linear algebra",
    rows: `
 | linalg.cg | | conjugate gradients through products with the matrix alone
linalg.cholesky, cholesky | = | numpy.linalg.cholesky, lax.linalg.cholesky
linalg.cholesky_ex | = |
cholesky_solve | linalg.choleskySolve |
cholesky_inverse | - \`linalg.choleskySolve(L, eye(n))\` |
linalg.cond | = |
linalg.det, det | = | numpy.linalg.det
linalg.slogdet, slogdet | = | numpy.linalg.slogdet
logdet | linalg.logdet |
linalg.eigh | = | numpy.linalg.eigh, lax.linalg.eigh
linalg.eigvalsh | = | numpy.linalg.eigvalsh
linalg.eig, linalg.eigvals | - none for matrices that are not symmetric |
linalg.householder_product, orgqr, ormqr, geqrf | - \`linalg.qr\` gives Q |
linalg.inv, inverse | linalg.inverse | numpy.linalg.inv
linalg.inv_ex | - \`linalg.solveEx(A, eye(n))\` |
linalg.ldl_factor, linalg.ldl_solve | - \`linalg.luFactor\`, \`linalg.luSolve\` |
linalg.lstsq | = | numpy.linalg.lstsq
linalg.lu | = | lax.linalg.lu
linalg.lu_factor | = |
linalg.lu_factor_ex | = |
linalg.lu_solve | = |
linalg.matrix_exp, matrix_exp | = |
linalg.matrix_norm | = | numpy.linalg.matrixNorm
linalg.matrix_power, matrix_power | = | numpy.linalg.matrixPower
linalg.matrix_rank | = |
linalg.pinv, pinverse | = |
linalg.qr, qr | = |
linalg.solve | = | numpy.linalg.solve
linalg.solve_ex | = |
linalg.solve_triangular, triangular_solve | = | lax.linalg.triangularSolve
linalg.svd, svd | = | numpy.linalg.svd, lax.linalg.svd
linalg.svdvals | = | numpy.linalg.svdvals
svd_lowrank, pca_lowrank | linalg.svdLowrank |
lobpcg | - \`linalg.eigh\` |
linalg.tensorinv, linalg.tensorsolve | - \`reshape\` and \`linalg.solve\` |
 | linalg.sqrtm, linalg.inverseSqrtm, linalg.inverseRoot | | roots of positive definite matrices (SciPy's \`sqrtm\`, Shampoo)
 | linalg.orthogonalize | | the nearest orthogonal matrix by Newton and Schulz (Muon)
 | linalg.orthonormalize, linalg.subspaceIteration | | orthonormal columns by CholeskyQR; the space in which a matrix is largest (GaLore)
`,
  },
  {
    title: "Random numbers",
    rows: `
rand, rand_like, distributions.Uniform | random.uniform | random.uniform
randn, normal, distributions.Normal | random.normal | random.normal
randint | random.randint | random.randint
randperm | random.permutation | random.permutation
bernoulli, distributions.Bernoulli | random.bernoulli | random.bernoulli
binomial, distributions.Binomial | random.binomial |
multinomial, distributions.Multinomial | random.multinomial |
poisson, distributions.Poisson | random.poisson |
distributions.Categorical, distributions.OneHotCategorical | random.categorical | random.categorical
distributions.Beta | random.beta |
distributions.Cauchy, distributions.HalfCauchy | random.cauchy | random.cauchy
distributions.Chi2 | random.chiSquare |
distributions.Dirichlet | random.dirichlet |
distributions.Exponential | random.exponential | random.exponential
distributions.Gamma | random.gamma |
distributions.Gumbel | random.gumbel | random.gumbel
distributions.Laplace | random.laplace | random.laplace
distributions.StudentT | random.studentT |
distributions.Geometric | - \`floor(div(log(u), log1p(-p)))\` of uniform u | random.geometric
distributions.LogNormal, distributions.HalfNormal | - \`exp\` or \`abs\` of \`random.normal\` | random.lognormal
distributions.MultivariateNormal | - \`matmul(normal, L)\` with a Cholesky factor L | random.multivariateNormal
distributions.Pareto | - \`exp(random.exponential(…))\` to a power | random.pareto
distributions.Weibull | - \`random.exponential\` to a power | random.weibullMin
distributions.FisherSnedecor, distributions.Kumaraswamy, distributions.NegativeBinomial, distributions.VonMises, distributions.Wishart, distributions.LKJCholesky | - made of the above, where they are |
distributions.kl_divergence, distributions.Distribution.log_prob | - draws only; write the density with operations |
manual_seed | manualSeed, random.manualSeed, random.key | random.key
Generator, get_rng_state, set_rng_state | random.nextKey, random.withKey, random.withSource, random.getState, random.setState | | draws depend on a key and a stream, never on the order of calls
 | random.bits | random.bits
 | random.split | random.split
 | random.foldIn |
 | random.choice | random.choice
 | random.rademacher | random.rademacher
 | random.logistic | random.logistic
 | random.truncatedNormal | | PyTorch: \`nn.init.trunc_normal_\`
 | - made of uniform or normal numbers | random.rayleigh, random.maxwell, random.doubleSidedMaxwell, random.triangular, random.ball
`,
  },
  {
    title: "Transforms and control flow",
    rows: `
func.grad, autograd.grad, Tensor.backward | grad | grad
func.grad_and_value | valueAndGrad, valueAndGradients | valueAndGrad
 | valuesAndGradients | | the gradient of each of several values, for module parameters
func.vjp, autograd.functional.vjp | vjp | vjp
func.jvp, autograd.functional.jvp | jvp | jvp
func.linearize | linearize | linearize
func.jacrev, autograd.functional.jacobian | jacrev | jacrev
func.jacfwd | jacfwd | jacfwd
func.hessian, autograd.functional.hessian | hessian | hessian
autograd.functional.hvp, autograd.functional.vhp | hvp | | jax-js: \`jvp\` of \`grad\`
func.vmap, vmap | vmap | vmap
func.functional_call | nn.functionalCall |
func.stack_module_state | nn.stackModuleState |
func.functionalize | - nothing is written in place |
autograd.Function | customVjp, customJvp |
utils.checkpoint.checkpoint | checkpoint |
compile | compile | jit
cond | = |
 | whileLoop | | its condition is read on the device
no_grad, inference_mode | - nothing is recorded outside \`grad\` and \`vjp\`; \`stopGradient\` inside |
autograd.gradcheck | - \`kernels-test/numericDerivatives.ts\` does it for every operation |
Tensor.register_hook | - \`customVjp\` of the identity |
jit.trace | compile | makeJaxpr
autocast | = |
amp.GradScaler | optim.GradScaler |
`,
  },
  {
    title: "Dtypes and tensors",
    rows: `
float32 | dtype f32 | DType.Float32
float16 | dtype f16 | DType.Float16 | needs the device's shader-f16; the CPU executor has it
bfloat16 | dtype bf16 | | storage; see precision.md
float64 | - WebGPU has none | DType.Float64
int32 | dtype i32 | DType.Int32
uint32 | dtype u32 | DType.Uint32
int64 | - WebGPU has none; i32 |
int8 | dtype i8 | | storage
 | dtype i4 | | storage
bool | dtype bool | DType.Bool
complex64 | - ${complexPairs} |
quantize_per_tensor | - dtypes i8 and i4; see precision.md |
Tensor.to, Tensor.type_as | to | Array.astype, numpy.astype
result_type, promote_types | - the rules stand in precision.md | numpy.promoteTypes
Tensor.item | .item | Array.item
Tensor.tolist, Tensor.numpy | .toArray, .data, readAll | Array.js, Array.dataSync | reading is asynchronous: WebGPU has no other way
is_tensor | Tensor |
Tensor.data_ptr, to_dlpack | - tensors live on the device |
sparse_coo_tensor, sparse_csr_tensor | - dense only; \`segmentSum\` and \`indexAdd\` for products of sparse matrices |
nested.nested_tensor | - pad and mask |
save, load | saveCheckpoint, Checkpoint, encodeCheckpoint, encodeModel, CheckpointFolder | | safetensors
 | loadGPT2, StateDictLayout | | files of Hugging Face and other libraries
`,
  },
  {
    title: "Modules",
    rows: `
nn.Module | = |
nn.Parameter | = |
nn.Buffer, nn.Module.register_buffer | nn.Buffer |
nn.Sequential | = |
nn.ModuleList | = |
nn.ModuleDict, nn.ParameterList, nn.ParameterDict | - fields of a Module, and \`nn.ModuleList\` |
nn.Identity | - a function \`(x) => x\` | nn.identity
nn.Linear | = |
nn.LazyLinear, nn.LazyConv2d, nn.LazyBatchNorm2d | - sizes are given |
nn.Bilinear | = |
nn.Embedding | = |
nn.EmbeddingBag | - \`nn.Embedding\` and \`segmentSum\` |
nn.Conv1d, nn.Conv2d, nn.Conv3d | nn.Conv1d, nn.Conv2d, nn.Conv3d |
nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d | nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d |
nn.Fold | - \`nn.functional.fold\` |
nn.Unfold | = |
nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d | nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d |
nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d | nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d |
nn.LPPool1d, nn.LPPool2d | - \`lpPool1d\`, \`lpPool2d\` |
nn.MaxUnpool2d, nn.FractionalMaxPool2d | - none |
nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d | nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d |
nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d | nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d |
nn.ZeroPad2d, nn.ConstantPad1d, nn.ReflectionPad2d, nn.ReplicationPad2d | - \`pad\` |
nn.PixelShuffle | = |
nn.PixelUnshuffle | = |
nn.ChannelShuffle | - \`reshape\` and \`transpose\` |
nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d | nn.Upsample |
nn.Flatten | = |
nn.Unflatten | - \`unflatten\` |
nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d | nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d |
nn.SyncBatchNorm | - one device |
nn.LayerNorm | = |
nn.RMSNorm | = |
nn.GroupNorm | = |
nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d | nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d |
nn.LocalResponseNorm | = |
nn.Dropout | = |
nn.Dropout2d, nn.AlphaDropout | - see \`dropout2d\` above |
nn.RNN, nn.LSTM, nn.GRU | nn.RNN, nn.LSTM, nn.GRU |
nn.RNNCell, nn.LSTMCell, nn.GRUCell | nn.RNNCell, nn.LSTMCell, nn.GRUCell |
nn.MultiheadAttention | = |
nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder | - \`nn.GPT\`, or \`nn.MultiheadAttention\` in a module of one's own |
nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU | nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU |
nn.RReLU | - \`nn.LeakyReLU\` |
nn.ELU, nn.CELU, nn.SELU | nn.ELU, nn.CELU, nn.SELU |
nn.GELU, nn.SiLU, nn.Mish, nn.GLU | nn.GELU, nn.SiLU, nn.Mish, nn.GLU |
nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid | nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid |
nn.Tanh, nn.Hardtanh, nn.Tanhshrink | nn.Tanh, nn.Hardtanh, nn.Tanhshrink |
nn.Hardshrink, nn.Softshrink, nn.Hardswish, nn.Threshold | nn.Hardshrink, nn.Softshrink, nn.Hardswish, nn.Threshold |
nn.Softplus, nn.Softsign | nn.Softplus, nn.Softsign |
nn.Softmax, nn.LogSoftmax | nn.Softmax, nn.LogSoftmax |
nn.Softmin, nn.Softmax2d, nn.AdaptiveLogSoftmaxWithLoss | - \`softmax\` |
nn.CrossEntropyLoss, nn.MSELoss, nn.L1Loss, nn.NLLLoss, nn.KLDivLoss, nn.BCELoss, nn.HuberLoss, nn.TripletMarginLoss | - losses are functions: \`nn.functional\` |
nn.CosineSimilarity, nn.PairwiseDistance | - \`cosineSimilarity\`, \`pairwiseDistance\` |
nn.utils.clip_grad_norm_ | optim.clipGlobalNorm, optim.clipNorm, optim.adaptiveClip | | or \`clipGradNorm\`, an option of optimizers
nn.utils.clip_grad_value_ | optim.clipValue |
nn.utils.skip_init | nn.skipInit |
nn.utils.weight_norm, nn.utils.spectral_norm | - \`nn.functionalCall\` with computed weights |
nn.DataParallel | - one device |
 | nn.RotaryEmbedding |
 | nn.GPT |
 | nn.Sampler |
nn.init.calculate_gain | = |
nn.init.xavier_uniform_ | nn.init.xavierUniform |
nn.init.xavier_normal_ | nn.init.xavierNormal |
nn.init.kaiming_uniform_ | nn.init.kaimingUniform |
nn.init.kaiming_normal_ | nn.init.kaimingNormal |
nn.init.trunc_normal_ | nn.init.truncNormal |
nn.init.orthogonal_ | nn.init.orthogonal |
nn.init.uniform_, nn.init.normal_, nn.init.constant_, nn.init.eye_ | - values of \`Parameter.of\` |
nn.init.dirac_, nn.init.sparse_ | - none |
`,
  },
  {
    title: "Optimizers and training",
    rows: `
optim.Optimizer | = |
 | optim.perLayer, optim.PerLayerOptimizer | | updates during the backward pass
optim.SGD | optim.sgd |
optim.AdamW | optim.adamw |
optim.Adam | optim.adam, optim.amsgrad | | \`amsgrad\` is a rule of its own
 | optim.lion | | jax-js has no optimizers
optim.Adagrad | optim.adagrad |
optim.Adamax | optim.adamax |
optim.NAdam | optim.nadam |
optim.RAdam | optim.radam |
optim.RMSprop | optim.rmsprop |
 | optim.signSgd, optim.randomScaledSgd, optim.sgdp |
 | optim.adamp, optim.adabound, optim.amsbound, optim.adabelief |
 | optim.diffgrad, optim.gravity, optim.fadam, optim.novograd |
 | optim.adan, optim.yogi, optim.adopt |
 | optim.lamb, optim.lars, optim.tvlars |
 | optim.lionK, optim.grams, optim.ademamix, optim.mars, optim.sophia |
 | optim.optimisticAmsgrad, optim.adaptiveBraking |
optim.Muon | optim.muon |
optim.Adafactor | optim.adafactor |
 | optim.soap, optim.shampoo, optim.psgdKron, optim.conda | | by matrices' bases and Kronecker factors
 | optim.dog, optim.ldog, optim.alrSmag, optim.scheduleFreeAdamW, optim.scheduleFreeSgd | | no rate, or no schedule, to choose
 | optim.galore, optim.qgalore, optim.fira, optim.frugal, optim.apollo | | subspaces, for any rule
 | optim.onlineSubspace, optim.dctColumns, optim.sara, optim.randomSubspace
 | optim.eightBit, optim.isEmbeddingOrNorm | | states in 8 bits, for any rule
optim.swa_utils.AveragedModel | optim.swa, optim.weightEma, optim.polynomialAverage, optim.lookahead |
 | optim.centralize, optim.normalize, optim.orthogonalGradient, optim.gradientNoise | | transforms, around any rule
 | optim.grokfast, optim.grokfastWindow |
 | optim.clipPercentile | | AutoClip, over a window of norms
nn.utils.prune.l1_unstructured, nn.utils.prune.custom_from_mask | optim.sparseMask | | after each update
sparse.SparseSemiStructuredTensor | optim.structuredMask | | the mask only: products are dense
optim.Adadelta, optim.Rprop, optim.ASGD | - none |
optim.LBFGS | - none |
optim.lr_scheduler.ConstantLR | optim.schedule.constant |
optim.lr_scheduler.LinearLR | optim.schedule.linear, optim.schedule.warmup, optim.schedule.warmupLinear |
optim.lr_scheduler.PolynomialLR | optim.schedule.polynomial |
optim.lr_scheduler.CosineAnnealingLR | optim.schedule.cosine, optim.schedule.warmupCosine, optim.schedule.cosinePower |
optim.lr_scheduler.CosineAnnealingWarmRestarts | optim.schedule.cosineRestarts |
optim.lr_scheduler.ExponentialLR | optim.schedule.exponential |
optim.lr_scheduler.StepLR | optim.schedule.step |
optim.lr_scheduler.MultiStepLR | optim.schedule.multiStep, optim.schedule.piecewiseConstant |
optim.lr_scheduler.OneCycleLR | optim.schedule.oneCycle |
optim.lr_scheduler.SequentialLR | optim.schedule.join |
optim.lr_scheduler.LambdaLR | optim.schedule.custom, optim.schedule.piecewiseLinear |
 | optim.schedule.scale, optim.schedule.wsd, optim.schedule.refined |
optim.lr_scheduler.LRScheduler.state_dict | optim.schedule.fromJSON |
utils.data.DataLoader | data.TextLoader, data.TextDataset, data.fromString, data.fromBytes, data.fromFile | | text; other data as tensors
 | data.CharTokenizer |
 | data.decodeIdx | | IDX files, such as MNIST's digits
 | Trainer, SupervisedTrainer, trainStep, evaluate |
 | objectives.sam, objectives.gam, objectives.fad, objectives.gradientRegularisation | | what \`trainStep\` takes for the gradient: docs/objectives.md
 | objectives.pcgrad, objectives.mgda, objectives.upgrad | | several objectives
 | objectives.smb, objectives.stochasticPolyak, objectives.polyakFactor, objectives.xgrad |
 | objectives.accumulate, objectives.Accumulation | | micro-batches, with variance statistics
 | objectives.trajectoryLoss, objectives.OutputRecord, objectives.AverageModel | | SAF and MESA
 | objectives.gaussNewtonBartlett, objectives.hutchinson, objectives.hessianProduct | | estimates for \`optim.sophia\`
`,
  },
  {
    title: "Optimal transport",
    rows: `
 | transport.sinkhorn | | POT: ot.sinkhorn, ot.sinkhorn2 (method sinkhorn_log); OTT: Sinkhorn
 | transport.squaredEuclidean, transport.euclidean, transport.cosine, transport.pointCost, transport.costMatrix | | POT: ot.dist; OTT: PointCloud
 | transport.emd, transport.emd2 | | POT: ot.emd, ot.emd2
 | transport.smoothOt, transport.sparsityConstrainedOt | | POT: ot.smooth.smooth_ot_semi_dual
 | transport.projectionSimplex, transport.projectionSparseSimplex | | POT: ot.utils.projection_simplex, projection_sparse_simplex
 | nn.ExpertRouter, nn.MixtureOfExperts, nn.expertLoads | | experts with equal loads
 | transport.emd1d, transport.wasserstein1d | | POT: ot.emd_1d, ot.wasserstein_1d
 | transport.sinkhornNewton | | Sinkhorn-Newton-Sparse: few iterations where epsilon is small
 | transport.sinkhornKnopp, nn.SinkhornKnopp, nn.functional.sinkhornKnopp | | doubly stochastic matrices from logits
 | transport.softSort, transport.softRank, transport.softQuantile, transport.softTopK | | OTT: tools.soft_sort
 | transport.sinkhornDivergence, transport.sinkhornDivergenceOfCosts | | POT: ot.bregman.empirical_sinkhorn_divergence; GeomLoss: SamplesLoss
 | transport.sinkhornUnbalanced | | POT: ot.unbalanced.sinkhorn_unbalanced
 | transport.flowStep, transport.gradientFlow | | particles that follow the Sinkhorn divergence
 | transport.barycenter | | POT: ot.bregman.barycenter, ot.bregman.barycenter_debiased
 | transport.freeSupportBarycenter | | POT: ot.lp.free_support_barycenter
 | transport.partialSinkhorn, transport.partialEmd | | POT: ot.partial.entropic_partial_wasserstein, ot.partial.partial_wasserstein
 | transport.slicedWasserstein, transport.maxSlicedWasserstein | | POT: ot.sliced_wasserstein_distance
 | transport.gromovWasserstein, transport.fusedGromovWasserstein | | POT: ot.gromov
 | transport.sinkhornLowRank | | POT: ot.lowrank_sinkhorn
`,
  },
  {
    title: "Devices and memory",
    rows: `
device, cuda.is_available | init, listAdapters | init, devices
set_default_device | setCurrentDevice, currentDevice, withDevice, Device | defaultDevice
Tensor.cuda, Tensor.cpu | toDevice | devicePut
cuda.synchronize | .data | blockUntilReady
cuda.memory_allocated, cuda.memory_summary | memory |
 | optim.predictMemory | | before anything is allocated
autograd.set_detect_anomaly | setDebug | setDebug
 | scope, keep, .dispose | Array.dispose, Array.ref | JavaScript does not say when a tensor is out of reach
backends.cudnn.benchmark | tune, useTuning | | winners are measured on request and kept per adapter
profiler.profile | profile | profiler.startTrace | with the roofline: docs/profiling.md
`,
  },
];

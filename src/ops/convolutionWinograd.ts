/**
 * Convolutions with kernels of 3x3 as F(2x2, 3x3) of Winograd (Lavin, Gray 2016): each tile of 2x2 pixels takes 16
 * multiplications per channel instead of 36, which are 16 products of matrices over the channels.
 *
 * Error: the transforms are sums of at most four elements each way, so that of one product is about 3 times that
 * of direct sums; an infinity or NaN reaches all four pixels of a tile that sees it, as NaN.
 */
import {
  convWinogradInput,
  convWinogradKernel,
  convWinogradOutput,
  gridFor,
  launch,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { Geometry } from "./convolutionGeometry";
import { matmulInto } from "./matmulLaunch";

/** Products of matrices for each group: elements of a transformed tile. */
const places = 16;

/** Tiles of 2x2 pixels by column and row of an image, and fours of them in all images. */
export function winogradTiles(images: number, height: number, width: number) {
  const [down, across] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  return { down, across, quads: Math.ceil((images * down * across) / 4) };
}

/** @param g as `isWinogradShape` wants it */
export function winograd(
  g: Geometry,
  x: DeviceTensor,
  w: DeviceTensor,
  bias: DeviceTensor | null,
  y: DeviceTensor,
): void {
  const { device } = y;
  const { groups, channels, outs, images } = g;
  const tiles = winogradTiles(images, g.pixels[1], g.pixels[2]);
  const batch = groups * places;
  const types = { T: y.dtype === "f16" ? "f16" : "f32" } as const;

  const input = DeviceTensor.empty(device, [batch, channels, tiles.quads * 4], "f32");
  const inputs = groups * channels * tiles.quads;
  launch(
    device,
    convWinogradInput,
    { x: x.binding, v: input.binding },
    {
      count: inputs,
      channels,
      images,
      ...tiles,
      size_1: g.size[1],
      size_2: g.size[2],
      low_1: g.low[1],
      low_2: g.low[2],
      offset: x.bindingOffset,
      x_image: x.strides[0]!,
      x_group: x.strides[1]!,
      x_channel: x.strides[2]!,
      x_1: g.xStrides[1],
      x_2: g.xStrides[2],
    },
    gridFor(device, inputs, 64),
    { types },
  );

  const kernel = DeviceTensor.empty(device, [batch, outs, channels], "f32");
  const kernels = groups * outs * channels;
  launch(
    device,
    convWinogradKernel,
    { w: w.binding, u: kernel.binding },
    {
      count: kernels,
      channels,
      outs,
      offset: g.wOffset,
      w_group: w.strides[0]!,
      w_out: w.strides[1]!,
      w_channel: w.strides[2]!,
      w_1: g.wStrides[1],
      w_2: g.wStrides[2],
    },
    gridFor(device, kernels, 64),
    { types },
  );

  const products = DeviceTensor.empty(device, [batch, outs, tiles.quads * 4], "f32");
  matmulInto(kernel, input, null, products);
  input.dispose();
  kernel.dispose();

  const results = groups * outs * tiles.quads;
  launch(
    device,
    convWinogradOutput,
    { m: products.binding, bias: (bias ?? w).binding, y: y.binding },
    {
      count: results,
      outs,
      images,
      groups,
      ...tiles,
      pixels_1: g.pixels[1],
      pixels_2: g.pixels[2],
      biased: bias ? 1 : 0,
      bias_group: bias ? bias.strides[0]! : 0,
      bias_col: bias ? bias.strides[1]! : 0,
      bias_offset: bias ? bias.bindingOffset : 0,
    },
    gridFor(device, results, 64),
    { types },
  );
  products.dispose();
}

/**
 * Every error tilegrad throws on purpose. Each message names the object, the operation, the shapes or
 * limits in play, and the cure; the class says which kind of cure it is.
 */

/** Base of all tilegrad errors: `catch (e) { if (e instanceof TilegradError) … }`. */
export class TilegradError extends Error {
  override name = "TilegradError";
}

/** Shapes, ranks or dimensions that do not fit the operation. */
export class ShapeError extends TilegradError {
  override name = "ShapeError";
}

/** Element types that do not fit the operation, or that the adapter does not offer. */
export class DTypeError extends TilegradError {
  override name = "DTypeError";
}

/** An argument outside its allowed values. */
export class ArgumentError extends TilegradError {
  override name = "ArgumentError";
}

/** An index (embedding row, class target, gather index) outside its range. */
export class IndexError extends TilegradError {
  override name = "IndexError";
}

/** A matrix that an operation of linear algebra is not defined for: singular, or not positive definite. */
export class LinAlgError extends TilegradError {
  override name = "LinAlgError";
}

/** An iteration that did not reach its tolerance, where the caller asked for an error then. */
export class ConvergenceError extends TilegradError {
  override name = "ConvergenceError";
}

/** A tensor, scope or device used after it was disposed. */
export class DisposedError extends TilegradError {
  override name = "DisposedError";
}

/** A text, data set or batch that cannot be used as given. */
export class DataError extends TilegradError {
  override name = "DataError";
}

/** A checkpoint that is truncated, corrupt, or belongs to another model or run. */
export class CheckpointError extends TilegradError {
  override name = "CheckpointError";
}

/** Training left the finite numbers. */
export class DivergenceError extends TilegradError {
  override name = "DivergenceError";
}

/** Base of everything that goes wrong on or with the device. */
export class DeviceError extends TilegradError {
  override name = "DeviceError";
}

/** No WebGPU implementation, or no adapter that satisfies the request. */
export class AdapterError extends DeviceError {
  override name = "AdapterError";
}

/** A request beyond a granted device limit, found before anything was sent to the device. */
export class LimitError extends DeviceError {
  override name = "LimitError";
}

/** The device rejected a command; nothing of that submit was executed. */
export class DeviceValidationError extends DeviceError {
  override name = "DeviceValidationError";
}

/** What memory was used for when there was none left, in bytes. */
export interface MemoryInUse {
  readonly liveBytes: number;
  readonly peakBytes: number;
  readonly pooledBytes: number;
  readonly liveBuffers: number;
  readonly byCategory: Readonly<Record<string, number>>;
}

/**
 * The device has no memory left for a buffer. Where `memory` is set the allocation was refused before anything was
 * sent to the device: all tensors are as they were, and work can go on once some memory is free.
 */
export class OutOfMemoryError extends DeviceError {
  override name = "OutOfMemoryError";

  constructor(
    message: string,
    /** null where the driver reported it later: the device is then unusable. */
    readonly memory: MemoryInUse | null = null,
  ) {
    super(message);
  }
}

/** The driver failed for a reason of its own, such as a shader it could not compile. */
export class DeviceInternalError extends DeviceError {
  override name = "DeviceInternalError";
}

/** The device is gone (driver update, sleep, memory pressure) or was destroyed. */
export class DeviceLostError extends DeviceError {
  override name = "DeviceLostError";
}

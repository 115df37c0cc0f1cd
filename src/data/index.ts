/** Data sets, loaders with a resumable cursor, tokenizers: the public `data`. */

export { CharTokenizer, type CharTokenizerJson } from "./charTokenizer";
export { decodeIdx, type IdxArray, type IdxData, type IdxOptions } from "./idx";
export {
  fromBytes,
  fromFile,
  fromString,
  type LoaderOptions,
  type TextBatch,
  TextDataset,
  TextLoader,
  type TextOptions,
  type TextSplit,
  type Tokenizer,
} from "./text";

// Rows of D elements, a constant that the including kernel declares, are read as D4 vec4s.
#include "attention_rows"
const D4 = D / 4u;

package neuralmatrix_tables;
  localparam integer WIDTH = 16;
  localparam integer DEPTH = 64;

  // gelu
  localparam integer GELU_SEGMENTS = 16;
  localparam integer GELU_KNOTS = 0;
  localparam integer GELU_KNOTS_EXPONENT = -12;
  localparam integer GELU_SLOPES = 17;
  localparam integer GELU_SLOPES_EXPONENT = -14;
  localparam integer GELU_OFFSETS = 35;
  localparam integer GELU_OFFSETS_EXPONENT = -12;
  localparam integer GELU_MIDPOINT = 1;

  // relu
  localparam integer RELU_SEGMENTS = 2;
  localparam integer RELU_KNOTS = 53;
  localparam integer RELU_KNOTS_EXPONENT = -12;
  localparam integer RELU_SLOPES = 56;
  localparam integer RELU_SLOPES_EXPONENT = -14;
  localparam integer RELU_OFFSETS = 60;
  localparam integer RELU_OFFSETS_EXPONENT = -13;
  localparam integer RELU_MIDPOINT = 1;
endpackage

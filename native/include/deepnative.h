/* deepnative.h: the C ABI of the DeepNative engine, and the only header that anyone else sees.
 *
 * Conventions
 *  - Every function returns a dn_status; results come through the last arguments and are untouched
 *    on failure. Exceptions: dn_*_release (void, takes null, never throws, never blocks),
 *    dn_abi_version, dn_version and dn_last_error.
 *  - After a failure, dn_last_error() on the same thread says what was found and what was expected.
 *  - Strings are UTF-8 and zero-terminated; they are copied unless said otherwise.
 *  - Sizes ending in `bytes` are bytes, `count` and `numel` are elements; dimensions are int64_t.
 *  - Structs start with struct_size, which the caller sets to sizeof(the struct).
 *  - Activations are written (N, C, H, W), weights (K, C/groups, R, S) whatever the device's own
 *    physical layout is; data crosses this interface row-major and dense.
 *  - A child handle keeps its parents alive; handles may be released in any order, on any thread.
 *  - Functions are safe to call from any thread, except that one object must not be used by two
 *    threads at once; dn_program_run detects that and returns DN_BUSY.
 */
#pragma once

#include <stdint.h>

#if defined(_WIN32)
#define DN_API __declspec(dllexport)
#else
#define DN_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a function, struct or enum value below changes its meaning. */
#define DN_ABI_VERSION 3
#define DN_MAX_RANK 8
#define DN_MAX_SPATIAL_RANK 3
#define DN_MAX_IMAGE_CHANNELS 4

/* ---- status ------------------------------------------------------------------------------- */

/* How a call ended. */
typedef enum dn_status {
  DN_OK = 0,               /* it did what was asked */
  DN_INVALID_ARGUMENT = 1, /* a null, a value outside its range, an object in the wrong state */
  DN_SHAPE_MISMATCH = 2,   /* dimensions, ranks or data types that do not fit together */
  DN_UNSUPPORTED = 3,      /* valid, but this device has no kernel for it */
  DN_OUT_OF_MEMORY = 4,    /* the text says what was asked and what is free */
  DN_DEVICE_LOST = 5,      /* the device failed earlier and refuses work; the text is the first failure */
  DN_IO = 6,               /* a file could not be read or written */
  DN_VENDOR_ERROR = 7,     /* oneDNN, CUDA, cuBLAS or cuDNN reported a failure */
  DN_INTERNAL = 8,         /* a defect of the engine */
  DN_BUSY = 9,             /* the program is running on another thread */
  DN_NOT_FOUND = 10,       /* no device of that name */
  DN_INVALID_DATA = 11     /* bytes from outside, such as a picture, that are damaged or beyond a limit */
} dn_status;

/* The version of this interface that the library was built with (DN_ABI_VERSION). */
DN_API int32_t dn_abi_version(void);

/* The engine's version, "major.minor.patch"; static storage. */
DN_API const char* dn_version(void);

/* The text of this thread's last failure, empty when there was none; valid until this thread's next
 * failing call. Never null. */
DN_API const char* dn_last_error(void);

/* ---- handles ------------------------------------------------------------------------------ */

typedef struct dn_device dn_device;
typedef struct dn_tensor dn_tensor;
typedef struct dn_event dn_event;
typedef struct dn_program dn_program;
typedef struct dn_report dn_report;

/* ---- devices ------------------------------------------------------------------------------ */

/* Bits of dn_device_info.capabilities. */
typedef enum dn_capability {
  DN_CAPABILITY_BF16 = 1,       /* computes in bfloat16 faster than in float32 */
  DN_CAPABILITY_F16 = 2,        /* computes in float16 faster than in float32 */
  DN_CAPABILITY_ASYNC = 4,      /* work runs beside the host; without it every call has finished when it returns */
  DN_CAPABILITY_HOST_MEMORY = 8, /* tensors live in host memory: dn_tensor_wrap takes host pointers */
  DN_CAPABILITY_SIMULATED = 16   /* executes a GPU's kernels on the CPU, for tests: never a default */
} dn_capability;

typedef struct dn_device_info {
  int32_t struct_size;
  int32_t available;       /* 1: dn_device_open can succeed; 0: `detail` says why not */
  int32_t capabilities;    /* bits of dn_capability */
  int32_t thread_count;    /* host threads that the device computes with; 0 on a GPU */
  int64_t memory_bytes;    /* all memory of the device */
  char name[32];           /* what dn_device_open takes: "cpu", "cuda:0" */
  char description[96];    /* the processor's own name */
  char detail[256];        /* instruction set and library versions, or the reason it is unavailable */
} dn_device_info;

typedef struct dn_device_options {
  int32_t struct_size;
  int32_t thread_count;    /* host threads to compute with; 0: all that the process may use */
} dn_device_options;

typedef struct dn_memory_info {
  int32_t struct_size;
  int32_t reserved;
  int64_t used_bytes;        /* live tensors and program arenas */
  int64_t peak_bytes;        /* the highest used_bytes so far */
  int64_t available_bytes;   /* that could be allocated now (best knowledge) */
  int64_t allocation_count;  /* allocations made since the device was opened */
  int64_t live_count;        /* allocations not yet freed */
} dn_memory_info;

/* The number of devices known on this machine, usable or not. `count` out. */
DN_API dn_status dn_device_count(int32_t* count);

/* Describes device `index` (0 .. count-1) without opening it; `info` in (struct_size), out. */
DN_API dn_status dn_device_describe(int32_t index, dn_device_info* info);

/* Opens a device by name; `options` may be null. Opening twice gives two independent devices.
 * DN_NOT_FOUND lists the known names; DN_UNSUPPORTED says why the device cannot be used. */
DN_API dn_status dn_device_open(const char* name, const dn_device_options* options, dn_device** device);

/* Describes an open device; `info` in (struct_size), out. */
DN_API dn_status dn_device_get_info(dn_device* device, dn_device_info* info);

/* What the device's tensors and programs take; `info` in (struct_size), out. */
DN_API dn_status dn_device_get_memory(dn_device* device, dn_memory_info* info);

/* Blocks until all work given to the device has finished; returns its first failure. */
DN_API dn_status dn_device_synchronize(dn_device* device);

/* Gives cached, unused memory back to the system. */
DN_API dn_status dn_device_trim(dn_device* device);

/* Runs the device's further work on an outside stream (a CUstream); it must outlive the device.
 * DN_UNSUPPORTED on a device without streams. */
DN_API dn_status dn_device_adopt_stream(dn_device* device, void* stream);

DN_API void dn_device_release(dn_device* device);

/* ---- tensors ------------------------------------------------------------------------------ */

typedef enum dn_dtype {
  DN_DTYPE_F32 = 1,
  DN_DTYPE_F64 = 2,
  DN_DTYPE_F16 = 3,
  DN_DTYPE_BF16 = 4,
  DN_DTYPE_U8 = 5,
  DN_DTYPE_I32 = 6,
  DN_DTYPE_I64 = 7
} dn_dtype;

typedef struct dn_tensor_info {
  int32_t struct_size;
  int32_t dtype;            /* dn_dtype */
  int32_t rank;
  int32_t wrapped;          /* 1: the memory belongs to somebody else */
  int64_t dims[DN_MAX_RANK];
  int64_t bytes;            /* numel * size of the dtype: what write and read move */
  int64_t physical_bytes;   /* what it takes on the device, padding of the layout included */
  char layout[64];          /* the device's physical layout: "row-major", "nChw16c", "OIhw16i16o" ... */
} dn_tensor_info;

/* A tensor in device memory, filled with zeros. rank 0 is a scalar; dimensions are >= 0.
 * DN_OUT_OF_MEMORY says what was asked and what is free. */
DN_API dn_status dn_tensor_create(dn_device* device, dn_dtype dtype, int32_t rank, const int64_t* dims,
                                  dn_tensor** tensor);

/* A tensor over memory that the caller owns, at least `bytes` long, which must outlive the tensor and
 * every program that binds it: host memory on a device with DN_CAPABILITY_HOST_MEMORY, device memory
 * otherwise. Its layout stays row-major. */
DN_API dn_status dn_tensor_wrap(dn_device* device, dn_dtype dtype, int32_t rank, const int64_t* dims,
                                void* data, int64_t bytes, dn_tensor** tensor);

/* Shape, sizes and layout; `info` in (struct_size), out. */
DN_API dn_status dn_tensor_get_info(dn_tensor* tensor, dn_tensor_info* info);

/* Copies row-major host data into the tensor, from the device's physical layout when reading;
 * `bytes` must be the tensor's. Blocks until done, after all earlier work of the device. */
DN_API dn_status dn_tensor_write(dn_tensor* tensor, const void* data, int64_t bytes);
DN_API dn_status dn_tensor_read(dn_tensor* tensor, void* data, int64_t bytes);

/* The same in the device's order of work, not waiting for it: `data` must stay until an event recorded
 * afterwards has passed. */
DN_API dn_status dn_tensor_write_async(dn_tensor* tensor, const void* data, int64_t bytes);
DN_API dn_status dn_tensor_read_async(dn_tensor* tensor, void* data, int64_t bytes);

/* destination = source, of the same device, dtype and shape; in the device's order of work. */
DN_API dn_status dn_tensor_copy(dn_tensor* destination, dn_tensor* source);

/* All elements = 0; in the device's order of work. */
DN_API dn_status dn_tensor_zero(dn_tensor* tensor);

DN_API void dn_tensor_release(dn_tensor* tensor);

/* ---- events ------------------------------------------------------------------------------- */

/* A point in the device's order of work, not recorded yet. */
DN_API dn_status dn_event_create(dn_device* device, dn_event** event);

/* Marks the end of the work given so far; an event may be recorded again and again. */
DN_API dn_status dn_event_record(dn_event* event);

/* Blocks the calling thread until the last record has passed; at once when never recorded. */
DN_API dn_status dn_event_wait(dn_event* event);

/* done = 1 when the last record has passed; never blocks. */
DN_API dn_status dn_event_query(dn_event* event, int32_t* done);

DN_API void dn_event_release(dn_event* event);

/* ---- operators ---------------------------------------------------------------------------- */

/* Kinds; each names its attribute struct, its inputs and its outputs in order. [x] may be absent
 * (id -1). All are float32 unless said otherwise. */
typedef enum dn_operator_kind {
  /* dn_pointwise_attributes. inputs: any number, any dtype, broadcast as in NumPy;
   * outputs: one or more, all of one shape, to which the inputs broadcast. */
  DN_OPERATOR_POINTWISE = 1,
  /* dn_reduce_attributes. inputs: x; outputs: y (argmax: i32). */
  DN_OPERATOR_REDUCE = 2,
  /* dn_matmul_attributes. inputs: a (..., M, K), b (..., K, N), [bias (N)], epilogue inputs;
   * outputs: c (..., M, N). Leading dimensions are equal, or absent on one side. a and b are float32,
   * bfloat16 or float16; c and bias are the same or float32; epilogue inputs are as c. */
  DN_OPERATOR_MATMUL = 3,
  /* dn_convolution_attributes. By direction:
   *  forward:          inputs input (N,C,..), weight (K,C/g,..), [bias (K)]; outputs output (N,K,..)
   *  backward_data:    inputs grad_output, weight; outputs grad_input
   *  backward_weight:  inputs input, grad_output; outputs grad_weight, [grad_bias]
   * All are float32, bfloat16 or float16 alike; bias, grad_weight and grad_bias may stay float32. */
  DN_OPERATOR_CONVOLUTION = 4,
  /* dn_pooling_attributes. forward: inputs x, tap (mode tap only); outputs y, [tap: max only].
   * backward: inputs grad_output, [tap: max only]; outputs grad_input.
   * All but tap are float32, bfloat16 or float16 alike. */
  DN_OPERATOR_POOLING = 5,
  /* dn_batch_norm_attributes. By mode:
   *  training:  inputs x, weight, bias, running_mean, running_var;
   *             outputs y, mean, inv_std, running_mean, running_var (the same tensors, updated)
   *  inference: inputs x, weight, bias, running_mean, running_var; outputs y
   *  backward:  inputs x, weight, mean, inv_std, grad_output; outputs grad_input, grad_weight, grad_bias
   * x, y and their gradients are float32, bfloat16 or float16 alike. */
  DN_OPERATOR_BATCH_NORM = 6,
  /* dn_softmax_attributes. forward: inputs x; outputs y. backward: inputs y, grad_output; outputs grad_input.
   * All are float32, bfloat16 or float16 alike. */
  DN_OPERATOR_SOFTMAX = 7,
  /* dn_softmax_cross_entropy_attributes. inputs: logits (N,C,..), labels (N,..) i32, [weight (N,..)];
   * outputs: loss (), [grad_logits (N,C,..)]. A label outside 0 .. C-1 fails the run and names the sample.
   * logits and grad_logits are float32, bfloat16 or float16 alike. */
  DN_OPERATOR_SOFTMAX_CROSS_ENTROPY = 8,
  /* dn_random_attributes. inputs: state (2) i64 = {seed, offset}; outputs: values, state (the same
   * tensor; offset advances by 1). */
  DN_OPERATOR_RANDOM = 9,
  /* dn_optimizer_attributes; multi-tensor. inputs: learning_rate (), [step () i64: Adam], then
   * `count` parameters, `count` gradients, and per rule: SGD with momentum: `count` velocities; Adam:
   * `count` first moments, `count` second moments. outputs: parameters, states in the same order
   * (the same tensors), then [step]. Gradients may be bf16 or f16. */
  DN_OPERATOR_OPTIMIZER = 10,
  /* No attributes. inputs: x; outputs: y of another shape with the same numel, row-major order. */
  DN_OPERATOR_RESHAPE = 11,
  /* dn_gather_attributes. By mode and direction:
   *  rows, forward:   inputs x (M, ..), indices (L) i32, [position () i64]; outputs y (N, ..), [position
   *                   (the same tensor; advances by N)]; x and y of one dtype, any.
   *                   y[i] = x[indices[position + i]]; without a position it is 0 and N = L.
   *  rows, backward:  inputs grad_output (N, ..), indices (N) i32; outputs grad_input (M, ..), the sum
   *                   in ascending i of all grad_output[i] with indices[i] = m, 0 where m = padding_index.
   *  along, forward:  inputs x, indices i32 of x's shape but along the axis; outputs y of the indices'
   *                   shape, y[.., i, ..] = x[.., indices[.., i, ..], ..]; x and y of one dtype, any.
   *  along, backward: inputs grad_output, indices; outputs grad_input: sums as above.
   * Backward is float32. An index outside 0 .. M-1, or a position from which N indices do not follow,
   * fails the run and is named. */
  DN_OPERATOR_GATHER = 12,
  /* dn_image_decode_attributes. inputs: images (N,C,H,W) u8, [state (2) i64 = {seed, offset}],
   * [masks (N,H,W) or (N,1,H,W), u8 or i32];
   * outputs: y (N,C,H',W') f32, f16 or bf16, with masks their windows (N,H',W') i32, with a state that
   * (the same tensor; offset advances by 1). */
  DN_OPERATOR_IMAGE_DECODE = 13,
  /* dn_slice_attributes. inputs: x; outputs: y, of one dtype, any, and one rank.
   * y[i, j, ..] = x[begin[0] + i * step[0], begin[1] + j * step[1], ..]. */
  DN_OPERATOR_SLICE = 14,
  /* dn_pad_attributes. forward: inputs x; outputs y. backward (reflect and edge): inputs grad_output;
   * outputs grad_input, the sums over all that were copied from one element; float32.
   * Forward: x and y of one dtype, any, and one rank. */
  DN_OPERATOR_PAD = 15,
  /* dn_concat_attributes. inputs: one or more of one dtype, any, whose shapes differ only along the
   * axis; outputs: y. */
  DN_OPERATOR_CONCAT = 16,
  /* dn_transpose_attributes. inputs: x; outputs: y, of one dtype, any: axis i of y is axis
   * permutation[i] of x. */
  DN_OPERATOR_TRANSPOSE = 17,
  /* dn_top_k_attributes. inputs: x; outputs: values, indices i32, both x's shape with k along the
   * axis, in order. Ties: the lowest index first; NaN counts as larger than all numbers. */
  DN_OPERATOR_TOP_K = 18,
  /* dn_cumulative_sum_attributes. inputs: x; outputs: y of x's shape. */
  DN_OPERATOR_CUMULATIVE_SUM = 19,
  /* dn_resize_attributes. forward: inputs x (N,C,..); outputs y (N,C,..) with other spatial extents.
   * backward: inputs grad_output; outputs grad_input. */
  DN_OPERATOR_RESIZE = 20,
  /* dn_group_norm_attributes. x is seen as (O, C, I): C the extent of the axis, O and I the products of
   * the extents before and behind it.
   *  forward:  inputs x, [weight (C)], [bias (C)]; outputs y, [mean (O, groups)], [inv_std (O, groups)]
   *  backward: inputs x, [weight (C)], mean, inv_std, grad_output;
   *            outputs grad_input, [grad_weight (C)], [grad_bias (C)] */
  DN_OPERATOR_GROUP_NORM = 21,
  /* dn_local_response_norm_attributes. x is (N,C,..). forward: inputs x; outputs y.
   * backward: inputs x, grad_output; outputs grad_input. */
  DN_OPERATOR_LOCAL_RESPONSE_NORM = 22,
  /* dn_recurrent_attributes: the steps of one layer in one direction. T steps, N samples, H units, G
   * gates. `gates` holds what the input contributes to each gate, input bias included.
   *  forward:  inputs gates (T,N,G*H), weight (G*H,H), [bias (G*H)], [initial_hidden (N,H)],
   *            [initial_cell (N,H): LSTM], [lengths (N) i32];
   *            outputs y (T,N,H), [final_hidden (N,H)], [final_cell (N,H): LSTM], [reserve (R) f32]
   *  backward: inputs gates, weight, [bias], [initial_hidden], [initial_cell], [lengths], y, reserve,
   *            [grad_y (T,N,H)], [grad_final_hidden], [grad_final_cell];
   *            outputs grad_gates, grad_weight, [grad_bias], [grad_initial_hidden], [grad_initial_cell]
   * reserve is what the forward direction keeps for the backward one, R = T*N*DN_RECURRENT_RESERVE*H;
   * its content is the device's affair. Steps at or behind a sample's length (1 .. T) leave the state
   * alone and give y = 0; a reversed direction starts at each sample's last step. */
  DN_OPERATOR_RECURRENT = 23,
  /* dn_ctc_loss_attributes. inputs: log_probs (T,N,C), targets (N,S) i32, input_lengths (N) i32 in
   * 1 .. T, target_lengths (N) i32 in 0 .. S; outputs: loss (N), [grad_log_probs (T,N,C), of the sum of
   * the losses]. A length or label outside its range fails the run and is named. */
  DN_OPERATOR_CTC_LOSS = 24
} dn_operator_kind;

/* An expression is a list of instructions in static single assignment form: instruction i defines
 * value i; a, b, c are indices of earlier values. All arithmetic is float32; other dtypes are
 * converted on input, and on output rounded to nearest even and saturated.
 * Comparisons give 1 or 0. min and max return NaN when either side is NaN. */
typedef enum dn_opcode {
  DN_OPCODE_INPUT = 1,     /* element of input a */
  DN_OPCODE_CONSTANT = 2,  /* value */
  DN_OPCODE_OUTPUT = 3,    /* value a becomes output b; defines no usable value */
  DN_OPCODE_ADD = 10, DN_OPCODE_SUB = 11, DN_OPCODE_MUL = 12, DN_OPCODE_DIV = 13,
  DN_OPCODE_MIN = 14, DN_OPCODE_MAX = 15, DN_OPCODE_POW = 16,
  DN_OPCODE_LT = 20, DN_OPCODE_LE = 21, DN_OPCODE_GT = 22, DN_OPCODE_GE = 23,
  DN_OPCODE_EQ = 24, DN_OPCODE_NE = 25,
  DN_OPCODE_SELECT = 26,   /* a != 0 ? b : c */
  DN_OPCODE_NEG = 30, DN_OPCODE_ABS = 31, DN_OPCODE_SQRT = 32, DN_OPCODE_RSQRT = 33,
  DN_OPCODE_EXP = 34, DN_OPCODE_EXPM1 = 35, DN_OPCODE_LOG = 36, DN_OPCODE_LOG1P = 37,
  DN_OPCODE_TANH = 38, DN_OPCODE_SIGMOID = 39, DN_OPCODE_ERF = 40, DN_OPCODE_FLOOR = 41
} dn_opcode;

typedef struct dn_instruction {
  int32_t opcode; /* dn_opcode */
  int32_t a;
  int32_t b;
  int32_t c;
  float value;
} dn_instruction;

typedef struct dn_pointwise_attributes {
  int32_t struct_size;
  int32_t instruction_count;
  const dn_instruction* instructions; /* copied */
} dn_pointwise_attributes;

typedef enum dn_reduce_mode {
  DN_REDUCE_SUM = 1,
  DN_REDUCE_MEAN = 2,
  DN_REDUCE_MAX = 3,   /* NaN wins */
  DN_REDUCE_ARGMAX = 4 /* over exactly one axis; ties: the lowest index; NaN wins */
} dn_reduce_mode;

typedef struct dn_reduce_attributes {
  int32_t struct_size;
  int32_t mode;      /* dn_reduce_mode */
  int32_t axes;      /* bit i: reduce over axis i; not 0 */
  int32_t keep_dims; /* 1: reduced axes stay with extent 1 */
} dn_reduce_attributes;

/* Epilogue of matmul and convolution: an expression over the finished element (its input 0, bias
 * included) and the epilogue inputs (1, 2, ...: each of the output's shape), with one output.
 * instruction_count 0: none. */
typedef struct dn_matmul_attributes {
  int32_t struct_size;
  int32_t transpose_a; /* 1: a is stored (..., K, M) */
  int32_t transpose_b; /* 1: b is stored (..., N, K) */
  int32_t instruction_count;
  const dn_instruction* epilogue; /* copied */
} dn_matmul_attributes;

typedef enum dn_direction {
  DN_FORWARD = 1,
  DN_BACKWARD_DATA = 2,
  DN_BACKWARD_WEIGHT = 3
} dn_direction;

typedef struct dn_convolution_attributes {
  int32_t struct_size;
  int32_t direction;    /* dn_direction */
  int32_t spatial_rank; /* 1 .. 3; the arrays below are used up to it */
  int32_t groups;       /* >= 1, divides C and K */
  int64_t stride[DN_MAX_SPATIAL_RANK];        /* >= 1 */
  int64_t padding_begin[DN_MAX_SPATIAL_RANK]; /* >= 0 */
  int64_t padding_end[DN_MAX_SPATIAL_RANK];   /* >= 0 */
  int64_t dilation[DN_MAX_SPATIAL_RANK];      /* >= 1; 1 is dense */
  int32_t reserved;
  int32_t instruction_count; /* forward only */
  const dn_instruction* epilogue; /* copied */
} dn_convolution_attributes;

typedef enum dn_pooling_mode {
  DN_POOLING_MAX = 1,            /* outside = -inf; ties: the lowest tap; NaN wins */
  DN_POOLING_AVERAGE = 2,        /* divides by the taps inside the input */
  DN_POOLING_AVERAGE_PADDED = 3, /* divides by the size of the window */
  DN_POOLING_TAP = 4             /* takes the element at a given tap: the transpose of max's backward; forward only */
} dn_pooling_mode;

/* tap: the winning position inside the window, row-major; u8 where the window has at most 256
 * positions, else i32. Windows that lie wholly in the padding are refused. A given tap that names no element of x counts for nothing. */
typedef struct dn_pooling_attributes {
  int32_t struct_size;
  int32_t direction;    /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t mode;         /* dn_pooling_mode */
  int32_t spatial_rank; /* 1 .. 3 */
  int64_t kernel[DN_MAX_SPATIAL_RANK];
  int64_t stride[DN_MAX_SPATIAL_RANK];
  int64_t padding_begin[DN_MAX_SPATIAL_RANK];
  int64_t padding_end[DN_MAX_SPATIAL_RANK];
} dn_pooling_attributes;

typedef enum dn_batch_norm_mode {
  DN_BATCH_NORM_TRAINING = 1,
  DN_BATCH_NORM_INFERENCE = 2,
  DN_BATCH_NORM_BACKWARD = 3
} dn_batch_norm_mode;

/* Over all axes but 1. y = (x - mean) * inv_std * weight + bias, inv_std = 1 / sqrt(var + epsilon),
 * var biased; running = (1 - momentum) * running + momentum * batch, with the unbiased variance.
 * Ioffe and Szegedy 2015. */
typedef struct dn_batch_norm_attributes {
  int32_t struct_size;
  int32_t mode; /* dn_batch_norm_mode */
  float epsilon;
  float momentum;
} dn_batch_norm_attributes;

typedef struct dn_softmax_attributes {
  int32_t struct_size;
  int32_t direction; /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t axis;      /* 0 .. rank-1 */
  int32_t log;       /* 1: the logarithm of the softmax */
} dn_softmax_attributes;

/* With the target distribution p = (1 - label_smoothing) * onehot(label) + label_smoothing / C:
 * loss = scale * sum over samples and positions of weight * -sum over c of p[c] * log softmax(logits)[c];
 * grad_logits = scale * weight * (softmax(logits) - p). */
typedef struct dn_softmax_cross_entropy_attributes {
  int32_t struct_size;
  float scale;            /* 1 / number of labels for the mean */
  float label_smoothing;  /* 0 .. 1 */
  int32_t ignore;         /* 1: positions labelled ignore_index count nothing and have no gradient */
  int32_t ignore_index;
} dn_softmax_cross_entropy_attributes;

typedef enum dn_distribution {
  DN_DISTRIBUTION_UNIFORM = 1,   /* in [a, b) */
  DN_DISTRIBUTION_NORMAL = 2,    /* mean a, standard deviation b; Box-Muller */
  DN_DISTRIBUTION_BERNOULLI = 3  /* 1 with probability a, else 0 */
} dn_distribution;

/* Philox 4x32-10 (Salmon et al. 2011). key = (seed low, seed high); counter = (block low, block high,
 * offset low, stream), block = element / 4. uniform = (word >> 8) * 2^-24. A normal pair from words
 * (u, v): radius sqrt(-2 ln(1 - uniform(u))), angle 2 pi uniform(v), cosine first. The same numbers on
 * every device, up to the rounding of ln, cos and sin. */
typedef struct dn_random_attributes {
  int32_t struct_size;
  int32_t distribution; /* dn_distribution */
  float a;
  float b;
  int32_t stream;   /* tells apart operators that share a state */
  int32_t reserved;
} dn_random_attributes;

typedef enum dn_optimizer_rule {
  DN_OPTIMIZER_SGD = 1, /* g += weight_decay w; v = momentum v + g; w -= lr (nesterov ? g + momentum v : v) */
  DN_OPTIMIZER_ADAM = 2 /* Kingma and Ba 2015; decoupled: Loshchilov and Hutter 2019 */
} dn_optimizer_rule;

typedef struct dn_optimizer_attributes {
  int32_t struct_size;
  int32_t rule;     /* dn_optimizer_rule */
  int32_t count;    /* parameters */
  int32_t nesterov; /* SGD: 1 or 0 */
  float momentum;   /* SGD: 0: no velocities */
  float weight_decay;
  float beta1;      /* Adam */
  float beta2;
  float epsilon;
  int32_t decoupled_weight_decay; /* Adam: 1 or 0 */
} dn_optimizer_attributes;

typedef enum dn_padding_mode {
  DN_PADDING_ZERO = 1,   /* bytes of 0 outside the image */
  DN_PADDING_REFLECT = 2 /* mirrored at the outermost pixel, which is not repeated: padding < H, W */
} dn_padding_mode;

/* y = (image byte - mean[c]) * scale[c], both operations rounded to float32, then to y's dtype. The
 * H' x W' window is cut out of the image with `padding` pixels more on each side, and the cut then
 * mirrored or not. Without a state the window is the middle one (rounded towards the top left), and
 * nothing else is done. With one, sample n draws from the Philox words (see dn_random_attributes) of
 * the blocks b with counter (n, b, offset low, stream), n < 2^32; u is the uniform number of a word, s = 2 u - 1:
 *   block 0  the window's top (word 0 * (H + 2 padding - H' + 1)) >> 32, its left side likewise by
 *            word 1; mirrored left to right where u2 < flip_probability, top to bottom where u3 <
 *            vertical_flip_probability
 *   block 1  shift down s0 shift H', right s1 shift W'; rotation s2 rotation; zoom exp(s3 log_zoom)
 *   block 2  shear s0 shear; the cutout's middle row (word 1 * H') >> 32, column (word 2 * W') >> 32
 *   block 3  brightness B = 1 + s0 brightness, contrast C = 1 + s1 contrast, saturation S = 1 + s2
 *            saturation, hue h = s3 hue of a turn
 *   block 4  three normal numbers a0, a1, a2 for lighting
 *   block 5 + k / 2  the normal pair (x, y) of node k of the elastic grid, from words 2 (k % 2) and on
 * Geometry: the place (i, j) of y, with v = i - (H' - 1) / 2 and u = j - (W' - 1) / 2, -v or -u where
 * mirrored, is the image's place middle of the window - shift + R (u, v) / zoom + elastic displacement, with
 * R (u, v) = (cos a u' - sin a v, sin a u' + cos a v), u' = u + tan(shear) v, a the rotation. It is sampled
 * bilinearly; outside the image counts padding_mode. The displacement is elastic / 0.4793 times the
 * uniform cubic B-spline of the nodes, elastic_pitch places of y apart, node (1, 1) at the place (0, 0);
 * the divisor makes its standard deviation about `elastic`.
 * Colours: bytes b become M (b) + sum over k of lighting[c][k] a[k], limited to 0 .. 255, where M is, in this
 * order, times B; mean + C (b - mean); grey + S (b - grey), grey = 0.299 red + 0.587 green + 0.114
 * blue; and a turn by h of the chrominance (I, Q) of YIQ. They need 3 channels, but for brightness and contrast.
 * Cutout: y is 0 in the rows middle - cutout / 2 and on (rounded down), `cutout` many, and such columns.
 * Masks take the nearest place of the same geometry, ignore_index outside where padding is zero; no
 * colours, no cutout. Without shift, rotation, zoom, shear, elastic and colours each byte is copied.
 * The parameters are computed with the same roundings everywhere: the same bits on every device. */
typedef struct dn_image_decode_attributes {
  int32_t struct_size;
  int32_t padding;        /* >= 0 */
  int32_t padding_mode;   /* dn_padding_mode */
  float flip_probability; /* 0 .. 1; above 0, as all that follow but ignore_index, only with a state */
  int32_t stream;         /* tells apart operators that share a state */
  int32_t ignore_index;   /* of masks, outside */
  float mean[DN_MAX_IMAGE_CHANNELS];  /* of the first C channels, in bytes */
  float scale[DN_MAX_IMAGE_CHANNELS];
  float vertical_flip_probability; /* 0 .. 1 */
  float shift;         /* of the window's size, 0 .. 1 */
  float rotation;      /* in turns, 0 .. 0.5 */
  float log_zoom;      /* natural logarithm, 0 .. 2 */
  float shear;         /* in turns, 0 .. 0.24 */
  float elastic;       /* in pixels */
  float elastic_pitch; /* above 0 with elastic; at most 1024 nodes: (floor((H'-1) / pitch) + 4) * .. */
  int32_t cutout;      /* >= 0 */
  float brightness;    /* 0 .. 1 */
  float contrast;      /* 0 .. 1 */
  float saturation;    /* 0 .. 1 */
  float hue;           /* in turns, 0 .. 0.5 */
  float lighting[9];   /* row-major (channel, component), in bytes */
  int32_t reserved;
} dn_image_decode_attributes;

typedef enum dn_gather_mode {
  DN_GATHER_ROWS = 1, /* whole rows of axis 0 */
  DN_GATHER_ALONG = 2 /* single elements along an axis */
} dn_gather_mode;

typedef struct dn_gather_attributes {
  int32_t struct_size;
  int32_t direction;     /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t mode;          /* dn_gather_mode */
  int32_t axis;          /* along: 0 .. rank-1; rows: 0 */
  int32_t padding_index; /* rows, backward: the row without a gradient; -1: none */
} dn_gather_attributes;

typedef struct dn_slice_attributes {
  int32_t struct_size;
  int32_t reserved;
  int64_t begin[DN_MAX_RANK]; /* 0 .. extent of x; the last element taken lies inside x */
  int64_t step[DN_MAX_RANK];  /* not 0; below 0 walks backwards */
} dn_slice_attributes;

typedef enum dn_pad_mode {
  DN_PAD_CONSTANT = 1,
  DN_PAD_REFLECT = 2, /* mirrored at the outermost element, which is not repeated: begin, end < extent */
  DN_PAD_EDGE = 3     /* the outermost element repeated; extent > 0 */
} dn_pad_mode;

/* Extent of y along an axis: begin + (extent > 0 ? (extent - 1) * step + 1 : 0) + end. */
typedef struct dn_pad_attributes {
  int32_t struct_size;
  int32_t direction; /* DN_FORWARD, or DN_BACKWARD_DATA for reflect and edge */
  int32_t mode;      /* dn_pad_mode */
  float value;       /* constant: what the new elements are, converted to the dtype */
  int64_t begin[DN_MAX_RANK]; /* >= 0 */
  int64_t end[DN_MAX_RANK];   /* >= 0 */
  int64_t step[DN_MAX_RANK];  /* >= 1: distance of x's elements in y; above 1 only for constant */
} dn_pad_attributes;

typedef struct dn_concat_attributes {
  int32_t struct_size;
  int32_t axis; /* 0 .. rank-1 */
} dn_concat_attributes;

typedef struct dn_transpose_attributes {
  int32_t struct_size;
  int32_t reserved;
  int64_t permutation[DN_MAX_RANK]; /* each of 0 .. rank-1 once */
} dn_transpose_attributes;

typedef struct dn_top_k_attributes {
  int32_t struct_size;
  int32_t axis;    /* 0 .. rank-1 */
  int32_t k;       /* 1 .. extent of the axis */
  int32_t largest; /* 1: the largest, descending; 0: the smallest, ascending */
} dn_top_k_attributes;

/* y[i] = the sum of x[0] .. x[i] along the axis, added in order. */
typedef struct dn_cumulative_sum_attributes {
  int32_t struct_size;
  int32_t axis;      /* 0 .. rank-1 */
  int32_t exclusive; /* 1: without x[i] itself */
  int32_t reverse;   /* 1: from the end of the axis to its begin */
} dn_cumulative_sum_attributes;

typedef enum dn_resize_mode {
  DN_RESIZE_NEAREST = 1, /* x[floor(p * H / P)] */
  DN_RESIZE_LINEAR = 2,  /* bilinear over two axes, trilinear over three */
  DN_RESIZE_AREA = 3     /* the mean of x[floor(p * H / P)] .. x[ceil((p + 1) * H / P) - 1]: adaptive average pooling */
} dn_resize_mode;

/* Where output position p lies in the input, linear only: */
typedef enum dn_resize_coordinates {
  DN_RESIZE_HALF_PIXEL = 1,   /* (p + 0.5) * H / P - 0.5, not below 0 */
  DN_RESIZE_ALIGN_CORNERS = 2 /* p * (H - 1) / (P - 1); 0 where P = 1 */
} dn_resize_coordinates;

typedef struct dn_resize_attributes {
  int32_t struct_size;
  int32_t direction;    /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t mode;         /* dn_resize_mode */
  int32_t coordinates;  /* dn_resize_coordinates */
  int32_t spatial_rank; /* 1 .. 3 */
} dn_resize_attributes;

/* For each o and each group of C / groups channels, over these channels and all of I:
 * y = (x - mean) * inv_std * weight[c] + bias[c], inv_std = 1 / sqrt(var + epsilon), var biased.
 * Wu and He 2018; groups = 1 and I = 1: layer normalisation (Ba et al. 2016); groups = C: instance
 * normalisation. */
typedef struct dn_group_norm_attributes {
  int32_t struct_size;
  int32_t direction; /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t axis;      /* 0 .. rank-1 */
  int32_t groups;    /* >= 1, divides C */
  float epsilon;
} dn_group_norm_attributes;

/* y[c] = x[c] / (k + alpha / size * sum over the channels c - size/2 .. c + (size-1)/2 that exist of
 * x^2)^beta. Krizhevsky et al. 2012, whose alpha is the one here over size. */
typedef struct dn_local_response_norm_attributes {
  int32_t struct_size;
  int32_t direction; /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t size;      /* >= 1 */
  float alpha;
  float beta;
  float k;
} dn_local_response_norm_attributes;

/* With a = gates[t] + h W^T + bias, cut into G parts of H:
 *  TANH, RELU  G = 1: h' = tanh(a) or max(a, 0)
 *  LSTM        G = 4 (i, f, g, o): c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c')
 *  GRU         G = 3 (r, z, n): n = tanh(gates_n + sigmoid(r) (h W_n^T + bias_n));
 *              h' = (1 - sigmoid(z)) n + sigmoid(z) h
 * Hochreiter and Schmidhuber 1997, Gers et al. 2000; Cho et al. 2014. */
typedef enum dn_recurrent_cell {
  DN_RECURRENT_TANH = 1,
  DN_RECURRENT_RELU = 2,
  DN_RECURRENT_LSTM = 3,
  DN_RECURRENT_GRU = 4
} dn_recurrent_cell;

#define DN_RECURRENT_RESERVE 5

typedef struct dn_recurrent_attributes {
  int32_t struct_size;
  int32_t direction; /* DN_FORWARD or DN_BACKWARD_DATA */
  int32_t cell;      /* dn_recurrent_cell */
  int32_t reverse;   /* 1: from the last step to the first */
} dn_recurrent_attributes;

/* Connectionist temporal classification (Graves et al. 2006): minus the logarithm of the probability of
 * all alignments of the target, in which repeats collapse and blanks vanish. */
typedef struct dn_ctc_loss_attributes {
  int32_t struct_size;
  int32_t blank;         /* its class, 0 .. C-1 */
  int32_t zero_infinity; /* 1: an impossible target has loss 0 and no gradient, instead of infinity */
} dn_ctc_loss_attributes;

/* ---- programs ----------------------------------------------------------------------------- */

/* A list of operators over tensors, compiled once, run many times. Tensors are named by ids, 0, 1, 2, ...
 * in the order in which they are added. `name` appears in errors and may be null. */
DN_API dn_status dn_program_create(dn_device* device, const char* name, dn_program** program);

/* Adds a transient tensor, which lives in the program's arena from its first to its last use. Exactly
 * one operator must write it. `name` may be null. */
DN_API dn_status dn_program_tensor(dn_program* program, dn_dtype dtype, int32_t rank, const int64_t* dims,
                                   const char* name, int32_t* id);

/* Adds a tensor that keeps its value between runs and may be shared with other programs of the device:
 * parameters, states, inputs, results. The program keeps it alive; each tensor once. `name` may be null. */
DN_API dn_status dn_program_bind(dn_program* program, dn_tensor* tensor, const char* name, int32_t* id);

typedef struct dn_operator {
  int32_t struct_size;
  int32_t kind;            /* dn_operator_kind */
  const char* name;        /* for errors and reports, e.g. the layer's; may be null; copied */
  const void* attributes;  /* the kind's struct; null where it has none; copied */
  const int32_t* inputs;   /* ids; -1: absent */
  const int32_t* outputs;  /* ids; -1: absent */
  int32_t input_count;
  int32_t output_count;
} dn_operator;

/* Adds an operator after checking attributes, dtypes and shapes; operators run in the order of adding. */
DN_API dn_status dn_program_operator(dn_program* program, const dn_operator* description);

typedef struct dn_compile_options {
  int32_t struct_size;
  int32_t race_milliseconds; /* time for racing candidates in all; 0: none, the first of the preference order */
  int32_t allow_tf32;        /* 1: float32 matmul and convolution may cut operands to TF32's 10 mantissa bits */
  int32_t reserved;
} dn_compile_options;

/* Chooses kernels and layouts, plans the arena, fixes the program. Once only. `options` may be null. */
DN_API dn_status dn_program_compile(dn_program* program, const dn_compile_options* options);

/* Runs all operators once, in the device's order of work. Allocates nothing. DN_BUSY when another
 * thread is in it. */
DN_API dn_status dn_program_run(dn_program* program);

/* enable = 1: further runs time every operator (and are slower). */
DN_API dn_status dn_program_profile(dn_program* program, int32_t enable);

DN_API void dn_program_release(dn_program* program);

/* ---- reports ------------------------------------------------------------------------------ */

typedef struct dn_report_summary {
  int32_t struct_size;
  int32_t entry_count;
  int64_t transient_peak_bytes; /* the arena as planned */
  int64_t transient_sum_bytes;  /* what it would be without sharing */
  int64_t persistent_bytes;     /* bound tensors, physical */
  int64_t scratch_bytes;        /* kernels' work space, inside the arena */
  int64_t run_count;            /* runs since compiled */
  int64_t profiled_run_count;
} dn_report_summary;

typedef struct dn_report_entry {
  int32_t struct_size;
  int32_t kind;             /* dn_operator_kind; 0: a change of layout */
  int32_t operator_count;   /* operators of the program that this kernel does, > 1 when fused */
  int32_t candidate_count;  /* kernels that could have done it */
  double total_us;          /* over the profiled runs */
  int64_t bytes;            /* read + written per run, at the least */
  int64_t operations;       /* floating-point operations per run, of the plain algorithm */
  char name[96];            /* the operators' names, joined with + */
  char kernel[64];          /* the chosen kernel */
  char shape[96];           /* e.g. (100,32,8,8) -> (100,64,4,4) */
} dn_report_entry;

/* What was compiled and, if profiled, how long it took. A snapshot. */
DN_API dn_status dn_program_report(dn_program* program, dn_report** report);
DN_API dn_status dn_report_get_summary(dn_report* report, dn_report_summary* summary);
DN_API dn_status dn_report_get_entry(dn_report* report, int32_t index, dn_report_entry* entry);
DN_API void dn_report_release(dn_report* report);

/* ---- pictures ----------------------------------------------------------------------------- */

/* JPEG (all that libjpeg-turbo reads), PNG, and PNM (P1 to P6: PBM, PGM, PPM) in memory, told by their
 * content. They live in a library of their own, libdeepnative_image, which is loaded with the first picture:
 * where it or one of the libraries under it is missing, these functions return DN_UNSUPPORTED and say what.
 * A picture that is damaged, truncated, beyond the limits or of another kind is DN_INVALID_DATA. */

typedef enum dn_image_format {
  DN_IMAGE_JPEG = 1,
  DN_IMAGE_PNG = 2,
  DN_IMAGE_PNM = 3
} dn_image_format;

/* What is refused from the header, before memory is taken. 0: the default of that field. */
typedef struct dn_image_limits {
  int32_t struct_size;
  int32_t max_scans;  /* passes of a progressive JPEG; default 100 */
  int64_t max_pixels; /* width * height; default 2^27 */
  int64_t max_bytes;  /* of the file; default 2^28 */
} dn_image_limits;

typedef struct dn_image_info {
  int32_t struct_size;
  int32_t format;      /* dn_image_format */
  int32_t width;       /* of the upright picture: after `orientation` */
  int32_t height;
  int32_t channels;    /* 1: grey, 3: colour (palettes and CMYK too); opacity does not count */
  int32_t bit_depth;   /* of a value in the file: 1 .. 16; of a palette's numbers 1 .. 8 */
  int32_t indexed;     /* 1: the pixels are numbers of a palette's colours */
  int32_t alpha;       /* 1: it has opacity */
  int32_t animated;    /* 1: an animated PNG, of which the still picture is decoded */
  int32_t orientation; /* EXIF's, 1 .. 8: how the stored picture has to be turned; 1: not at all */
} dn_image_info;

typedef enum dn_image_values {
  /* 0 is black, 255 white. 16 bits are scaled to 8, fewer bits to 0 .. 255. Opacity and a transparent colour:
   * laid on white. Grey is repeated; colour becomes grey by 0.299 R + 0.587 G + 0.114 B. CMYK and YCCK are
   * converted as inks without a profile, R = C * K / 255 of Adobe's inverted values. Profiles and gamma are
   * ignored. */
  DN_IMAGE_COLORS = 1,
  /* As they are stored, for masks whose values are classes: a palette's numbers, greys of up to 8 bits
   * unscaled. One channel; of PNG and PNM alone. */
  DN_IMAGE_INDICES = 2
} dn_image_values;

typedef enum dn_image_filter {
  DN_IMAGE_TRIANGLE = 1, /* bilinear, widened by the factor when it shrinks, so that all pixels count */
  DN_IMAGE_NEAREST = 2   /* the pixel at the centre */
} dn_image_filter;

/* The crop of the upright picture, resampled to width x height as if nothing lay around it, then mirrored. */
typedef struct dn_image_request {
  int32_t struct_size;
  int32_t channels;    /* 1 or 3 */
  int32_t values;      /* dn_image_values */
  int32_t filter;      /* dn_image_filter; indices: DN_IMAGE_NEAREST */
  int32_t mirror;      /* 1: left to right */
  int32_t width;       /* of the result, 1 .. 65535; width and height 0: the crop's */
  int32_t height;
  int32_t crop_x;      /* inside the picture */
  int32_t crop_y;
  int32_t crop_width;  /* crop_width and crop_height 0: the whole picture */
  int32_t crop_height;
  int32_t reserved;
} dn_image_request;

/* Reads the headers and follows the structure to its end, so that a file that was cut off is refused, without
 * decoding pixels. `info` out. */
DN_API dn_status dn_image_probe(const void* data, int64_t bytes, const dn_image_limits* limits,
                                dn_image_info* info);

/* Decodes into u8 planes (channels, height, width), row-major; `plane_bytes` must be their size. What is read is
 * checked: rows below the crop are not. Large JPEGs that shrink to less than half are decoded at 1/2, 1/4 or 1/8
 * of their size. A thread keeps up to 16 MiB of work space for its next picture. */
DN_API dn_status dn_image_decode(const void* data, int64_t bytes, const dn_image_limits* limits,
                                 const dn_image_request* request, void* planes, int64_t plane_bytes);

/* Writes u8 planes (channels, height, width), 1 or 3 channels, as a PNG of 8 bits a value. `png_bytes` is the
 * room at `png`; planes of n bytes and h rows never need more than n + n / 100 + 16 h + 4096. `written` out. */
DN_API dn_status dn_image_encode_png(const void* planes, int64_t plane_bytes, int32_t channels, int32_t height,
                                     int32_t width, void* png, int64_t png_bytes, int64_t* written);

#ifdef __cplusplus
}
#endif

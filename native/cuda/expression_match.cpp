#include "cuda/expression_match.h"

#include <algorithm>
#include <charconv>

#include "cuda/expression.h"

namespace dn::cuda {

namespace {

constexpr FunctionPattern kPatterns[] = {
#define DN_PATTERN(name, inputs, constants, pattern, expression) \
  {PointwiseFunction::name, #name, inputs, constants, pattern},
    DN_POINTWISE_FUNCTIONS(DN_PATTERN)
#undef DN_PATTERN
};

struct Word {
  std::string_view text;
  int32_t opcode;
};
constexpr Word kWords[] = {
    {"add", DN_OPCODE_ADD},         {"sub", DN_OPCODE_SUB},      {"mul", DN_OPCODE_MUL},
    {"div", DN_OPCODE_DIV},         {"min", DN_OPCODE_MIN},      {"max", DN_OPCODE_MAX},
    {"pow", DN_OPCODE_POW},         {"lt", DN_OPCODE_LT},        {"le", DN_OPCODE_LE},
    {"gt", DN_OPCODE_GT},           {"ge", DN_OPCODE_GE},        {"eq", DN_OPCODE_EQ},
    {"ne", DN_OPCODE_NE},           {"neg", DN_OPCODE_NEG},      {"abs", DN_OPCODE_ABS},
    {"sqrt", DN_OPCODE_SQRT},       {"rsqrt", DN_OPCODE_RSQRT},  {"exp", DN_OPCODE_EXP},
    {"expm1", DN_OPCODE_EXPM1},     {"log", DN_OPCODE_LOG},      {"log1p", DN_OPCODE_LOG1P},
    {"tanh", DN_OPCODE_TANH},       {"erf", DN_OPCODE_ERF},      {"floor", DN_OPCODE_FLOOR},
    {"sigmoid", DN_OPCODE_SIGMOID}, {"select", DN_OPCODE_SELECT}};

// A node of a pattern: an instruction whose INPUT a is x, y, z, w as 0 .. 3, and whose CONSTANT has
// a = 1 for "any", which is k.
constexpr int32_t kAny = 1;

// Appends the node that starts at `pattern` and returns its index.
int parse(std::string_view& pattern, std::vector<dn_instruction>& nodes) {
  const size_t end = std::min(pattern.find(' '), pattern.size());
  const std::string_view word = pattern.substr(0, end);
  pattern.remove_prefix(std::min(end + 1, pattern.size()));
  dn_instruction node{};
  const auto known = std::ranges::find(kWords, word, &Word::text);
  if (known != std::end(kWords)) {
    node.opcode = known->opcode;
    const int operands = operand_count(node.opcode);
    node.a = parse(pattern, nodes);
    if (operands > 1) node.b = parse(pattern, nodes);
    if (operands > 2) node.c = parse(pattern, nodes);
  } else if (const size_t input = std::string_view("xyzw").find(word);
             word.size() == 1 && input != std::string_view::npos) {
    node.opcode = DN_OPCODE_INPUT;
    node.a = (int32_t)input;
  } else {
    node.opcode = DN_OPCODE_CONSTANT;
    node.a = word == "k" ? kAny : 0;
    if (node.a != kAny)
      require(std::from_chars(word.data(), word.data() + word.size(), node.value).ec == std::errc(),
              "the pattern has the unknown word '", word, "'");
  }
  nodes.push_back(node);
  return (int)nodes.size() - 1;
}

std::vector<dn_instruction> parse(std::string_view pattern) {
  std::vector<dn_instruction> nodes;
  parse(pattern, nodes);
  return nodes;
}

bool commutes(int32_t opcode) {
  return opcode == DN_OPCODE_ADD || opcode == DN_OPCODE_MUL || opcode == DN_OPCODE_EQ ||
         opcode == DN_OPCODE_NE;
}

class Matcher {
 public:
  Matcher(std::span<const dn_instruction> expression, std::span<const dn_instruction> pattern)
      : expression_(expression), pattern_(pattern) {}

  bool match(int value, int node) {
    const dn_instruction& e = expression_[value];
    const dn_instruction& p = pattern_[node];
    if (e.opcode != p.opcode) return false;
    if (p.opcode == DN_OPCODE_INPUT) {
      if (inputs[p.a] < 0) inputs[p.a] = e.a;
      return inputs[p.a] == e.a;
    }
    if (p.opcode == DN_OPCODE_CONSTANT) {
      if (p.a == kAny) constants.push_back(e.value);
      return p.a == kAny || e.value == p.value;
    }
    const int operands = operand_count(p.opcode);
    if (operands == 1) return match(e.a, p.a);
    if (operands == 3) return match(e.a, p.a) && match(e.b, p.b) && match(e.c, p.c);
    const auto inputs_before = inputs;
    const size_t constants_before = constants.size();
    if (match(e.a, p.a) && match(e.b, p.b)) return true;
    inputs = inputs_before;
    constants.resize(constants_before);
    return commutes(p.opcode) && match(e.b, p.a) && match(e.a, p.b);
  }

  std::vector<int> inputs = std::vector<int>(kMaxFunctionInputs, -1);
  std::vector<float> constants;

 private:
  std::span<const dn_instruction> expression_, pattern_;
};

}  // namespace

std::span<const FunctionPattern> function_patterns() {
  return kPatterns;
}

FunctionMatch match_function(std::span<const dn_instruction> expression) {
  // The longest pattern has fewer steps than this.
  constexpr size_t kLongest = 32;
  if (expression.empty() || expression.size() > kLongest) return {};
  const dn_instruction& last = expression.back();
  const auto is_output = [](const dn_instruction& e) { return e.opcode == DN_OPCODE_OUTPUT; };
  if (last.opcode != DN_OPCODE_OUTPUT || std::ranges::count_if(expression, is_output) != 1)
    return {};
  for (const FunctionPattern& candidate : kPatterns) {
    const std::vector<dn_instruction> nodes = parse(candidate.pattern);
    Matcher matcher(expression, nodes);
    if (!matcher.match(last.a, (int)nodes.size() - 1)) continue;
    matcher.inputs.resize(candidate.inputs);
    return {candidate.function, std::move(matcher.inputs), std::move(matcher.constants)};
  }
  return {};
}

std::vector<dn_instruction> expression_of(std::string_view pattern,
                                          std::span<const float> constants) {
  std::vector<dn_instruction> expression = parse(pattern);
  for (dn_instruction& e : expression) {
    if (e.opcode != DN_OPCODE_CONSTANT || e.a != kAny) continue;
    require(!constants.empty(), "too few constants for '", pattern, "'");
    e.a = 0;
    e.value = constants.front();
    constants = constants.subspan(1);
  }
  expression.push_back({DN_OPCODE_OUTPUT, (int32_t)expression.size() - 1, 0, 0, 0});
  return expression;
}

}  // namespace dn::cuda

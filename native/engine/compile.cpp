// From a list of operators to steps: chooses kernels, negotiates layouts, plans the arena.
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

#include "engine/compiled.h"
#include "engine/planner.h"
#include "engine/race.h"
#include "engine/race_cache.h"

namespace dn {

namespace {

constexpr int kNone = -1;

// Where a kernel's argument lives: in a buffer of the arena, or in a persistent tensor.
struct Location {
  int buffer = kNone;
  int tensor = kNone;
};

struct Buffer {
  Lifetime lifetime;
  std::vector<int> tensors;  // whose elements it holds
};

// A tensor's elements in one layout.
struct Copy {
  LayoutRef layout;
  Location location;
};

struct Draft {
  Step step;
  std::vector<Location> inputs, outputs;
  int scratch = kNone;  // a buffer
};

// The candidates that do the same operators, best first.
struct Group {
  std::vector<int> operators;
  std::vector<const Candidate*> candidates;
};

struct Choice {
  const Candidate* candidate;
  KernelPlan plan;
};

// What DEEPNATIVE_PREFER names, between commas: kernels by their names' beginnings ("cudnn:") that go
// before all others where they can do the work. For comparisons, and to rule a kernel out.
class Preferred {
 public:
  Preferred() {
    const char* setting = std::getenv("DEEPNATIVE_PREFER");
    std::istringstream list(setting ? setting : "");
    for (std::string name; std::getline(list, name, ',');)
      if (!name.empty()) names_.push_back(name);
  }
  bool any() const { return !names_.empty(); }

  // Leaves only preferred candidates where there are some.
  void choose(std::vector<Group>& options) const {
    std::vector<Group> chosen;
    for (const Group& group : options) {
      Group left{group.operators, {}};
      std::ranges::copy_if(group.candidates, std::back_inserter(left.candidates),
                           [&](const Candidate* candidate) { return contains(*candidate); });
      if (!left.candidates.empty()) chosen.push_back(std::move(left));
    }
    if (!chosen.empty()) options = std::move(chosen);
  }

 private:
  bool contains(const Candidate& candidate) const {
    return std::ranges::any_of(
        names_, [&](const std::string& name) { return candidate.name().starts_with(name); });
  }

  std::vector<std::string> names_;
};

class Compiler final : public CompileView {
 public:
  Compiler(const Program& program, const dn_compile_options& options)
      : program_(program),
        device_(*program.device()),
        race_(device_, options.race_milliseconds * 1000.0),
        allow_tf32_(options.allow_tf32 != 0),
        copies_(program.tensors().size()),
        uses_left_(program.tensors().size()) {
    if (race_.has_time()) cache_.emplace(RaceCache::default_folder(), race_device(device_.info()));
  }

  std::unique_ptr<Compiled> compile() {
    for (size_t id = 0; id < program_.tensors().size(); ++id) {
      const TensorDeclaration& tensor = program_.tensor((int)id);
      uses_left_[id] = (int)tensor.consumers.size();
      if (!tensor.transient() && !free((int)id))
        copies_[id] = {{tensor.bound->layout(), {kNone, (int)id}}};
    }
    choose_groups();
    for (const Group& group : groups_) {
      if (op(group.operators[0]).kind() == DN_OPERATOR_RESHAPE)
        add_reshape(group.operators[0]);
      else
        add_group(group);
    }
    if (cache_) cache_->save();
    return finish();
  }

  const Program& program() const override { return program_; }

  bool free(int tensor) const override {
    const Tensor* bound = program_.tensor(tensor).bound.get();
    return bound && !bound->wrapped() && !bound->pinned() && copies_[tensor].empty();
  }

  LayoutRef layout(int tensor) const override {
    return copies_[tensor].empty() ? nullptr : copies_[tensor].front().layout;
  }

  bool allow_tf32() const override { return allow_tf32_; }

  bool adjacent(std::span<const int> operators) const override {
    const auto member = [&](int op) { return std::ranges::find(operators, op) != operators.end(); };
    std::vector<int> read, written;
    for (int index = operators.front(); index <= operators.back(); ++index) {
      const Operator& current = op(index);
      if (member(index)) {
        read.insert(read.end(), current.inputs().begin(), current.inputs().end());
        written.insert(written.end(), current.outputs().begin(), current.outputs().end());
        continue;
      }
      const auto touches = [](const std::vector<int>& ids, const std::vector<int>& set) {
        return std::ranges::any_of(
            ids, [&](int id) { return id >= 0 && std::ranges::find(set, id) != set.end(); });
      };
      // The members before `index` are moved behind it.
      if (touches(current.inputs(), written) || touches(current.outputs(), read) ||
          touches(current.outputs(), written))
        return false;
    }
    return true;
  }

 private:
  // ---- which operators go together ----

  void choose_groups() {
    const int count = (int)program_.operators().size();
    std::vector<bool> covered(count, false);
    std::multimap<int, Group> by_last;  // a group runs where its last operator stands
    for (int first = 0; first < count; ++first) {
      if (covered[first]) continue;
      Group group = op(first).kind() == DN_OPERATOR_RESHAPE ? Group{{first}, {}}
                                                            : choose_group(first, covered);
      for (int index : group.operators) covered[index] = true;
      by_last.emplace(group.operators.back(), std::move(group));
    }
    for (auto& [last, group] : by_last) groups_.push_back(std::move(group));
  }

  Group choose_group(int first, const std::vector<bool>& covered) const {
    std::vector<Group> options;
    std::string refusals;
    const auto ask = [&](const Candidate* candidate) {
      std::string reason;
      const std::vector<int> operators = candidate->match(*this, first, reason);
      if (operators.empty()) {
        refusals += text("\n  ", candidate->name(), ": ", reason);
        return;
      }
      if (std::ranges::any_of(operators, [&](int index) { return covered[index]; }) ||
          !adjacent(operators))
        return;
      auto same = std::ranges::find(options, operators, &Group::operators);
      if (same == options.end()) same = options.insert(options.end(), {operators, {}});
      same->candidates.push_back(candidate);
    };
    const auto& candidates = device_.candidates().of_kind(op(first).kind());
    for (const Candidate* candidate : candidates)
      if (!candidate->costly()) ask(candidate);
    if (cache_ || preferred_.any() || options.empty())
      for (const Candidate* candidate : candidates)
        if (candidate->costly()) ask(candidate);
    if (options.empty())
      fail(DN_UNSUPPORTED, view(first).label(), ": device '", device_.info().name,
           "' has no kernel for it", refusals);
    preferred_.choose(options);
    Group best = *std::ranges::max_element(
        options, {}, [](const Group& group) { return group.operators.size(); });
    std::ranges::stable_sort(best.candidates, {}, &Candidate::preference);
    return best;
  }

  // ---- one kernel ----

  void add_group(const Group& group) {
    auto [winner, plan] = choose_kernel(group);

    Draft draft;
    draft.step.kernel = winner->name();
    draft.step.kind = op(group.operators[0]).kind();
    draft.step.operator_count = (int)group.operators.size();
    draft.step.candidate_count = (int)group.candidates.size();
    for (int index : group.operators) {
      const OperatorView operation = view(index);
      if (!op(index).name().empty() && draft.step.name.find(op(index).name()) == std::string::npos)
        draft.step.name += (draft.step.name.empty() ? "" : "+") + op(index).name();
      const OperatorRule* rule = find_rule(op(index).kind());
      if (rule->operations) draft.step.operations += rule->operations(operation);
    }

    for (const Slot& slot : plan.inputs) draft.inputs.push_back(place_input(slot));
    for (int index : group.operators)
      for (int id : unique_inputs(index)) --uses_left_[id];

    std::vector<Draft> after;
    for (size_t i = 0; i < plan.outputs.size(); ++i)
      draft.outputs.push_back(place_output(plan, i, draft, after));
    if (plan.scratch_bytes > 0) {
      draft.scratch = add_buffer(plan.scratch_bytes, {});
      scratch_bytes_ += plan.scratch_bytes;
    }
    draft.step.work = std::move(plan.kernel);
    describe(plan, draft.step);
    touch(draft);
    drafts_.push_back(std::move(draft));
    for (Draft& change : after) {
      touch(change);
      drafts_.push_back(std::move(change));
    }
  }

  std::vector<int> unique_inputs(int index) const {
    std::vector<int> ids = op(index).inputs();
    std::ranges::sort(ids);
    const auto [first, last] = std::ranges::unique(ids);
    ids.erase(first, last);
    std::erase(ids, kNone);
    return ids;
  }

  void describe(const KernelPlan& plan, Step& step) const {
    const auto shapes = [&](const std::vector<Slot>& slots) {
      return slots.empty() ? std::string() : program_.tensor(slots[0].tensor).shape.str();
    };
    step.shape = text(shapes(plan.inputs), " -> ", shapes(plan.outputs));
    for (const auto* slots : {&plan.inputs, &plan.outputs})
      for (const Slot& slot : *slots)
        step.bytes += slot.layout ? slot.layout->bytes() : program_.tensor(slot.tensor).bytes();
  }

  // The elements of a tensor in the wanted layout, changed by a step of its own where needed.
  Location place_input(const Slot& slot) {
    auto& copies = copies_[slot.tensor];
    if (free(slot.tensor)) {
      copies.push_back({slot.layout, {kNone, slot.tensor}});
    } else if (copies.empty()) {
      fail(DN_INTERNAL, "tensor '", program_.tensor(slot.tensor).name,
           "' is read before it is written");
    }
    for (const Copy& copy : copies)
      if (same_layout(copy.layout, slot.layout)) return copy.location;
    const Copy changed{slot.layout, {add_buffer(slot_bytes(slot), {slot.tensor}), kNone}};
    drafts_.push_back(layout_change(slot.tensor, copies.front(), changed));
    touch(drafts_.back());
    copies.push_back(changed);
    return changed.location;
  }

  Location place_output(const KernelPlan& plan, size_t index, const Draft& draft,
                        std::vector<Draft>& after) {
    const Slot& slot = plan.outputs[index];
    auto& copies = copies_[slot.tensor];
    if (!program_.tensor(slot.tensor).transient()) {
      const Location home{kNone, slot.tensor};
      if (free(slot.tensor)) copies = {{slot.layout, home}};
      const LayoutRef fixed = copies.front().layout;
      copies = {{fixed, home}};  // other copies are out of date now
      if (same_layout(fixed, slot.layout)) return home;
      const Copy written{slot.layout, {add_buffer(slot_bytes(slot), {}), kNone}};
      after.push_back(layout_change(slot.tensor, written, copies.front()));
      return written.location;
    }
    Location location;
    const int source = index < plan.in_place.size() ? plan.in_place[index] : kNone;
    if (source != kNone && can_overwrite(draft.inputs[source], slot_bytes(slot))) {
      location = draft.inputs[source];
      buffers_[location.buffer].tensors.push_back(slot.tensor);
    } else {
      location.buffer = add_buffer(slot_bytes(slot), {slot.tensor});
    }
    copies = {{slot.layout, location}};
    return location;
  }

  bool can_overwrite(const Location& location, int64_t bytes) const {
    if (location.buffer == kNone) return false;
    const Buffer& buffer = buffers_[location.buffer];
    return buffer.lifetime.bytes >= bytes &&
           std::ranges::all_of(buffer.tensors, [&](int id) { return uses_left_[id] == 0; });
  }

  // Whether a reshape only copies to a persistent tensor that has a layout of its own.
  bool copies_layout(int source, int target) const {
    return !program_.tensor(target).transient() && !free(target) &&
           copies_[target].front().layout &&
           program_.tensor(source).shape == program_.tensor(target).shape;
  }

  void add_copy(int index, int source, int target) {
    const LayoutRef layout = copies_[target].front().layout;
    const Location location = place_input({source, layout});
    --uses_left_[source];
    copies_[target] = {{layout, {kNone, target}}};
    Draft draft = layout_change(target, {layout, location}, copies_[target].front());
    draft.step.name = op(index).name();
    draft.step.kernel = "copy";
    draft.step.kind = DN_OPERATOR_RESHAPE;
    draft.step.operator_count = draft.step.candidate_count = 1;
    touch(draft);
    drafts_.push_back(std::move(draft));
  }

  // A reshape is another name for the same elements, in row-major order.
  void add_reshape(int index) {
    const int source = op(index).input(0), target = op(index).output(0);
    if (copies_layout(source, target)) {
      add_copy(index, source, target);
      return;
    }
    const Location location = place_input({source, nullptr});
    --uses_left_[source];
    const bool unchanging = program_.tensor(source).producer == kNone;
    if (program_.tensor(target).transient() && (location.buffer != kNone || unchanging)) {
      if (location.buffer != kNone) buffers_[location.buffer].tensors.push_back(target);
      copies_[target] = {{nullptr, location}};
      return;
    }
    // A result, or a tensor that the program also writes, is copied.
    Draft draft;
    if (!program_.tensor(target).transient()) {
      if (free(target)) copies_[target] = {{nullptr, {kNone, target}}};
      require(!copies_[target].front().layout, view(index).label(),
              ": the persistent output has a layout of its own");
    } else {
      copies_[target] = {{nullptr, {add_buffer(program_.tensor(target).bytes(), {target}), kNone}}};
    }
    draft.step.name = op(index).name();
    draft.step.kernel = "copy";
    draft.step.kind = DN_OPERATOR_RESHAPE;
    draft.step.operator_count = draft.step.candidate_count = 1;
    draft.step.bytes = 2 * program_.tensor(target).bytes();
    draft.step.shape = text(program_.tensor(source).shape, " -> ", program_.tensor(target).shape);
    draft.step.work = device_.change_layout(program_.tensor(target).dtype,
                                            program_.tensor(target).shape, nullptr, nullptr);
    draft.inputs = {location};
    draft.outputs = {copies_[target].front().location};
    touch(draft);
    drafts_.push_back(std::move(draft));
  }

  Draft layout_change(int id, const Copy& from, const Copy& to) const {
    const TensorDeclaration& tensor = program_.tensor(id);
    Draft draft;
    draft.step.name = tensor.name;
    draft.step.kernel = text(name_of(from.layout), " to ", name_of(to.layout));
    draft.step.shape = tensor.shape.str();
    draft.step.bytes = 2 * tensor.bytes();
    draft.step.work = device_.change_layout(tensor.dtype, tensor.shape, from.layout, to.layout);
    draft.inputs = {from.location};
    draft.outputs = {to.location};
    return draft;
  }

  int64_t slot_bytes(const Slot& slot) const {
    return slot.layout ? slot.layout->bytes() : program_.tensor(slot.tensor).bytes();
  }

  int add_buffer(int64_t bytes, std::vector<int> tensors) {
    const int step = (int)drafts_.size();
    buffers_.push_back({{bytes, step, step}, std::move(tensors)});
    return (int)buffers_.size() - 1;
  }

  // Extends the lifetimes of the buffers that the step about to be added uses.
  void touch(const Draft& draft) {
    const auto use = [&](int buffer) {
      if (buffer == kNone) return;
      Lifetime& lifetime = buffers_[buffer].lifetime;
      lifetime.last = std::max(lifetime.last, (int)drafts_.size());
    };
    for (const Location& location : draft.inputs) use(location.buffer);
    for (const Location& location : draft.outputs) use(location.buffer);
    use(draft.scratch);
  }

  // ---- the race ----

  // The kernel for a group: the first in the order of preference, unless a race was asked for and
  // finds a faster one, now or when the same question was asked before.
  Choice choose_kernel(const Group& group) {
    const auto plan = [&](const Candidate* candidate) {
      return Choice{candidate, candidate->plan(*this, group.operators)};
    };
    if (!cache_ || group.candidates.size() == 1) return plan(group.candidates[0]);
    const std::string key = race_key(*this, group.operators, group.candidates);
    if (const std::string* name = cache_->winner(key))
      for (const Candidate* candidate : group.candidates)
        if (candidate->name() == *name) return plan(candidate);

    const auto present = [&](int tensor) -> std::optional<LayoutRef> {
      if (copies_[tensor].empty()) return std::nullopt;
      return layout(tensor);
    };
    std::optional<Choice> best;
    double best_us = 0;
    bool settled = true;
    for (const Candidate* candidate : group.candidates) {
      if (best && !race_.has_time()) return std::move(*best);  // undecided: not kept
      try {
        Choice other = plan(candidate);
        const double us = race_.time(program_, other.plan, present);
        if (best && us >= best_us) continue;
        best = std::move(other);
        best_us = us;
      } catch (const Error& error) {
        // A library that refuses only now is out of the race.
        if (error.status() == DN_DEVICE_LOST) throw;
        settled = settled && error.status() != DN_OUT_OF_MEMORY;
      }
    }
    if (!best) return plan(group.candidates[0]);
    if (settled) cache_->add(key, best->candidate->name());
    return std::move(*best);
  }

  // ---- addresses ----

  std::unique_ptr<Compiled> finish() {
    auto compiled = std::make_unique<Compiled>();
    for (size_t id = 0; id < program_.tensors().size(); ++id) {
      const TensorDeclaration& tensor = program_.tensor((int)id);
      if (tensor.transient()) continue;
      if (!tensor.bound->pinned()) {
        if (!copies_[id].empty()) tensor.bound->set_layout(copies_[id].front().layout);
        tensor.bound->pin();
      }
      compiled->persistent_bytes += tensor.bound->physical_bytes();
    }
    std::vector<Lifetime> lifetimes;
    for (const Buffer& buffer : buffers_) lifetimes.push_back(buffer.lifetime);
    const ArenaPlan plan = plan_arena(lifetimes);
    compiled->arena =
        device_.allocate(plan.peak_bytes, text("arena of program '", program_.name(), "'"));
    compiled->transient_sum_bytes = plan.sum_bytes;
    compiled->scratch_bytes = scratch_bytes_;

    const auto address = [&](const Location& location) -> void* {
      if (location.tensor != kNone) return program_.tensor(location.tensor).bound->data();
      return static_cast<char*>(compiled->arena->data()) + plan.offsets[location.buffer];
    };
    for (Draft& draft : drafts_) {
      for (const Location& location : draft.inputs) draft.step.inputs.push_back(address(location));
      for (const Location& location : draft.outputs)
        draft.step.outputs.push_back(address(location));
      if (draft.scratch != kNone) draft.step.scratch = address({draft.scratch, kNone});
      compiled->steps.push_back(std::move(draft.step));
    }
    compiled->microseconds.assign(compiled->steps.size(), 0.0);
    compiled->runner = device_.prepare(compiled->steps);
    return compiled;
  }

  const Program& program_;
  Device& device_;
  Preferred preferred_;
  Race race_;
  std::optional<RaceCache> cache_;  // when there may be races
  bool allow_tf32_;
  std::vector<Group> groups_;
  std::vector<std::vector<Copy>> copies_;  // by tensor; the first is the one that is written
  std::vector<int> uses_left_;             // operators that have yet to read the tensor
  std::vector<Buffer> buffers_;
  std::vector<Draft> drafts_;
  int64_t scratch_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Compiled> compile_program(const Program& program,
                                          const dn_compile_options& options) {
  return Compiler(program, options).compile();
}

}  // namespace dn

-- Says how an attempt went.
-- ARGV[4]: how. ARGV[5]: whether the first counter remembers guesses. ARGV[6]: the source of
-- the guess and its print, or ''. ARGV[7] on: what counters count by, each with its ticket's
-- reservation last, and the ticket's generation in the counter's place.

local now, counters = instant(), #KEYS - 1

local how, guess = ARGV[4], ARGV[6]
local records, packed = load(counters)
local rules = {}
for at = 1, counters do rules[at] = rules_at(at, 7) end

-- The slot of a ticket, if it is still to be settled.
local function find(record, rule, at)
  if rule.generation ~= record.gen then return nil end
  advance(record, rule, rule.generation, present(record, at))
  for place, slot in ipairs(record.slots) do
    if slot.nonce == rule.extra then return place end
  end
  return nil
end

-- Whether this wrong guess was made before, and is still free.
local function repeats(record, rule, place)
  local memory = record.memory
  if not memory then return false end
  local from, known = record.slots[place].at, false
  for _, one in ipairs(memory.guesses) do
    known = known or (one.guess == guess and one.at <= from)
  end
  if not known then return false end
  if not rule.window then return true end
  if memory.repeats == 0 or since(now, memory.since) >= rule.window then
    memory.repeats, memory.since = 0, now
  end
  memory.repeats = memory.repeats + 1
  return memory.repeats <= FREE_REPEATS
end

-- Remembers a guess: of each source the last few.
local function learn(record, rule, at)
  local memory = record.memory or { guesses = {}, repeats = 0, since = 0 }
  local source, of_source, first, kept = string.sub(guess, 1, 4), 0, nil, {}
  for _, one in ipairs(memory.guesses) do
    if one.guess ~= guess then
      kept[#kept + 1] = one
      if string.sub(one.guess, 1, 4) == source then
        of_source = of_source + 1
        first = first or #kept
      end
    end
  end
  if of_source >= rule.remembered and first then table.remove(kept, first) end
  if #kept >= MOST_GUESSES then table.remove(kept, 1) end
  kept[#kept + 1] = { guess = guess, at = at }
  memory.guesses = kept
  record.memory = memory
end

local function clear_after_success(record, place, at)
  table.remove(record.slots, place)
  retain(record, function(slot) return in_flight(slot, at) end)
  record.consecutive = math.min(record.consecutive, #record.slots)
  record.streak, record.streak_until, record.memory = 0, nil, nil
end

local function settle_one(record, rule, outcome, learns)
  local at = present(record, now)
  local place = find(record, rule, at)
  if not place then
    if record.lock and rule.generation == record.gen then
      return { 'locked', told(record.lock) }
    end
    return { 'stale' }
  end
  if outcome == 'failed' then
    record.slots[place].pending = false
    if learns and rule.remembered > 0 then learn(record, rule, at) end
  elseif outcome == 'succeeded' then
    clear_after_success(record, place, at)
  else
    table.remove(record.slots, place)
    record.consecutive = math.max(record.consecutive - 1, 0)
  end
  -- What was in flight for longer than failures count is too old by now.
  age(record, rule, at)
  local lock = lock_if_full(record, rule, at, at)
  if lock then return { 'locked', told(lock) } end
  return { 'recorded', remaining(record, rule) }
end

local remembers = ARGV[5] == '1'
if how == 'failed' and guess ~= '' and remembers then
  local place = find(records[1], rules[1], now)
  if place and repeats(records[1], rules[1], place) then how = 'released' end
end
local answers = { how }
for at, record in ipairs(records) do
  local outcome = how
  if how == 'succeeded' and rules[at].shared then outcome = 'released' end
  answers[at + 1] = settle_one(record, rules[at], outcome, remembers and at == 1 and guess ~= '')
end
store(records, packed, rules, now)
return answers

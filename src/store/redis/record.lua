-- The attempt record, as src/domain/attempts.rs has it: the same arithmetic, line by line.
--
-- Instants and lengths are microseconds; they, and all that is counted here, stay below
-- 2^53, up to which Lua's numbers are whole. What may be larger (generations, lengths that
-- are only told, numbers of reservations, prints of passwords) is text.
--
-- KEYS[1] says which server wrote here (see `guard`), the others are the counters'.
-- ARGV: the instant, or '' for the server's; how long to be closed after a loss;
-- whether entries expire; then what the step takes; then `FIELDS` for each counter.

local FLIGHT, STEP_BACK, FREE_REPEATS, MOST_GUESSES = 60000000, 60000000, 20, 24
local BEYOND = 4503599627370496
local MOST_U32 = 4294967295
local FIELDS = 12

-- === Time ===

local function instant()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function since(now, earlier)
  return now > earlier and now - earlier or 0
end

local function unless_stepped_back(now, stamp)
  if stamp > now and stamp - now <= STEP_BACK then return stamp end
  return now
end

local function later(a, b)
  if not a then return b end
  if not b then return a end
  return math.max(a, b)
end

local function whole(number)
  return string.format('%.0f', number)
end

-- === What counters count by ===

-- Numbers without a sign and without leading zeros, as text of any length.
local function is_more(a, b)
  return #a > #b or (#a == #b and a > b)
end

local function optional(text)
  return text ~= '' and tonumber(text) or nil
end

local function rules_at(index, begin)
  local at = begin + (index - 1) * FIELDS
  local rules = {
    generation = ARGV[at], shared = ARGV[at + 1] == 'shared', limit = tonumber(ARGV[at + 2]),
    window_kind = ARGV[at + 3], window = optional(ARGV[at + 4]), ceiling = optional(ARGV[at + 5]),
    lengths = {}, permanent_after = optional(ARGV[at + 7]), streak_lasts = optional(ARGV[at + 8]),
    live = ARGV[at + 9], remembered = tonumber(ARGV[at + 10]), extra = ARGV[at + 11],
  }
  for length in string.gmatch(ARGV[at + 6], '%d+') do
    rules.lengths[#rules.lengths + 1] = length
  end
  return rules
end

-- How long the lockout after so many others lasts, as text; nil: until somebody unlocks.
local function length_after(rules, earlier)
  if rules.permanent_after and earlier >= rules.permanent_after then return nil end
  return rules.lengths[math.min(earlier + 1, #rules.lengths)]
end

local function micros(length)
  return math.min(tonumber(length), BEYOND)
end

-- === Records ===

local function fresh(generation)
  return { gen = generation, laid = 0, streak = 0, consecutive = 0, slots = {} }
end

local function decode(packed)
  if not packed then return fresh('0') end
  local version, gen, laid, streak, consecutive, until_, slots, lock, memory =
    unpack(cmsgpack.unpack(packed))
  if version ~= 1 then error('a record of another version of portcullis') end
  local record = { gen = gen, laid = laid, streak = streak, consecutive = consecutive, slots = {} }
  if until_ then record.streak_until = until_ end
  for at = 1, #slots, 3 do
    record.slots[#record.slots + 1] = { nonce = slots[at], at = slots[at + 1], pending = slots[at + 2] }
  end
  if lock then
    record.lock = {
      gen = lock[1], n = lock[2], laid_at = lock[3], length = lock[4] or nil,
      failures = lock[5], live = lock[6],
    }
  end
  if memory then
    record.memory = { repeats = memory[1], since = memory[2], guesses = {} }
    for at = 3, #memory, 2 do
      local guesses = record.memory.guesses
      guesses[#guesses + 1] = { guess = memory[at], at = memory[at + 1] }
    end
  end
  return record
end

local function encode(record)
  local slots, lock, memory = {}, false, false
  for _, slot in ipairs(record.slots) do
    slots[#slots + 1], slots[#slots + 2], slots[#slots + 3] = slot.nonce, slot.at, slot.pending
  end
  if record.lock then
    local l = record.lock
    lock = { l.gen, l.n, l.laid_at, l.length or false, l.failures, l.live }
  end
  if record.memory then
    memory = { record.memory.repeats, record.memory.since }
    for _, known in ipairs(record.memory.guesses) do
      memory[#memory + 1], memory[#memory + 2] = known.guess, known.at
    end
  end
  return cmsgpack.pack({ 1, record.gen, record.laid, record.streak, record.consecutive,
    record.streak_until or false, slots, lock, memory })
end

local function is_blank(record)
  return record.laid == 0 and record.streak == 0 and record.consecutive == 0
    and not record.streak_until and #record.slots == 0 and not record.lock and not record.memory
end

local function newest(record)
  local last
  for _, slot in ipairs(record.slots) do last = later(last, slot.at) end
  return last
end

local function in_flight(slot, now)
  return slot.pending and since(now, slot.at) < FLIGHT
end

local function any_in_flight(record, now)
  for _, slot in ipairs(record.slots) do
    if in_flight(slot, now) then return true end
  end
  return false
end

local function last_failed_at(record)
  local last
  for _, slot in ipairs(record.slots) do
    last = later(last, slot.pending and slot.at + FLIGHT or slot.at)
  end
  return last
end

local function retain(record, keeps)
  local kept = {}
  for _, slot in ipairs(record.slots) do
    if keeps(slot) then kept[#kept + 1] = slot end
  end
  record.slots = kept
end

local function end_at(lock, now)
  if not lock.length then return nil end
  local length = micros(lock.length)
  return math.min(lock.laid_at + length, unless_stepped_back(now, lock.laid_at) + length)
end

local function is_on(lock, now)
  local ends = end_at(lock, now)
  return not ends or now < ends
end

local function present(record, now)
  local last = later(newest(record), record.lock and record.lock.laid_at or nil)
  last = later(last, record.streak_until)
  return last and unless_stepped_back(now, last) or now
end

-- === What time does ===

local function forget_the_future(record, now)
  for _, slot in ipairs(record.slots) do slot.at = math.min(slot.at, now) end
  if record.lock then record.lock.laid_at = math.min(record.lock.laid_at, now) end
  if record.streak_until then record.streak_until = math.min(record.streak_until, now) end
  if record.memory then
    record.memory.since = math.min(record.memory.since, now)
    for _, known in ipairs(record.memory.guesses) do known.at = math.min(known.at, now) end
  end
end

local function end_lockout(record, now)
  local lock = record.lock
  if lock and not is_on(lock, now) then
    record.lock, record.slots, record.streak_until = nil, {}, end_at(lock, now)
  end
end

local function age(record, rules, at)
  local last = newest(record)
  if rules.window_kind == 'sliding' then
    retain(record, function(slot)
      return in_flight(slot, at) or since(at, slot.at) < rules.window
    end)
  elseif rules.window_kind == 'since-last' and last and since(at, last) >= rules.window then
    retain(record, function(slot) return in_flight(slot, at) end)
  end
end

local function lock_if_full(record, rules, at, now)
  local at_ceiling = rules.ceiling and record.consecutive >= rules.ceiling
  local full = #record.slots >= rules.limit
  if record.lock or not (full or at_ceiling) or any_in_flight(record, now) then return nil end
  record.laid = record.laid + 1
  local length = nil
  if not at_ceiling then length = length_after(rules, record.streak) end
  record.lock = {
    gen = record.gen, n = record.laid, laid_at = at, length = length,
    failures = at_ceiling and record.consecutive or rules.limit, live = rules.live,
  }
  record.streak = math.min(record.streak + 1, MOST_U32)
  record.slots = {}
  return record.lock
end

local function lock_unseen(record, rules, now)
  if record.lock or any_in_flight(record, now) then return end
  local last = last_failed_at(record)
  if last then age(record, rules, last) end
  lock_if_full(record, rules, last or now, now)
  end_lockout(record, now)
end

local function end_streak(record, rules, now)
  local quiet = #record.slots == 0 and not record.lock
  if not record.streak_until or not rules.streak_lasts then return end
  if quiet and since(now, record.streak_until) >= rules.streak_lasts then
    record.streak, record.streak_until = 0, nil
  end
end

local function advance(record, rules, generation, now)
  if is_more(generation, record.gen) then
    record.gen, record.laid, record.streak, record.consecutive = generation, 0, 0, 0
    record.streak_until, record.slots, record.lock, record.memory = nil, {}, nil, nil
  end
  forget_the_future(record, now)
  end_lockout(record, now)
  lock_unseen(record, rules, now)
  for _, slot in ipairs(record.slots) do slot.pending = in_flight(slot, now) end
  age(record, rules, now)
  end_streak(record, rules, now)
end

-- === Room ===

local function remaining(record, rules)
  if record.lock then return 0 end
  local left = math.max(rules.limit - #record.slots, 0)
  if rules.ceiling then left = math.min(left, math.max(rules.ceiling - record.consecutive, 0)) end
  return left
end

-- 'locked', 'free' or 'busy'.
local function room(record, rules, now)
  now = present(record, now)
  advance(record, rules, rules.generation, now)
  if record.lock then return 'locked' end
  return remaining(record, rules) > 0 and 'free' or 'busy'
end

-- Whether the first of two lockouts ends no earlier.
local function is_longer(lock, other, now)
  local a, b = end_at(lock, now), end_at(other, now)
  return not a or (b ~= nil and a >= b)
end

local function told(lock)
  return { lock.gen, lock.n, whole(lock.laid_at), lock.length or '', lock.failures, lock.live }
end

-- === Storing ===

-- From when on it says nothing that an empty one would not; nil: never.
local function forgettable_at(record, rules)
  if record.consecutive > 0 and rules.ceiling then return nil end
  local at, last = 0, last_failed_at(record)
  local first = length_after(rules, record.streak)
  if last then
    -- Those that nobody settled may be a lockout that nobody has met yet.
    if not rules.window or not first then return nil end
    at = last + rules.window + micros(first)
  end
  if record.streak_until then
    if not rules.streak_lasts then return nil end
    at = math.max(at, record.streak_until + rules.streak_lasts)
  end
  if record.lock then
    if not record.lock.length or not rules.streak_lasts then return nil end
    at = math.max(at, record.lock.laid_at + micros(record.lock.length) + rules.streak_lasts)
  end
  return at
end

local function load(counters)
  local records, packed = {}, {}
  for at = 1, counters do
    packed[at] = redis.call('GET', KEYS[at + 1])
    records[at] = decode(packed[at])
  end
  return records, packed
end

-- Writes what is other than it was. A record that says nothing leaves no entry behind.
local function store(records, packed, rules, now)
  for at, record in ipairs(records) do
    local key = KEYS[at + 1]
    if is_blank(record) then
      if packed[at] then redis.call('DEL', key) end
    else
      local new = encode(record)
      local ends = ARGV[3] == '1' and forgettable_at(record, rules[at])
      if new ~= packed[at] then
        if ends then
          -- Never early, and at most some centuries: Redis refuses what is further.
          local left = math.min(math.max(math.ceil((ends - now) / 1000), 0) + 1000, 9000000000000)
          redis.call('SET', key, new, 'PX', whole(left))
        else
          redis.call('SET', key, new)
        end
      end
    end
  end
end

-- === Losses ===

-- Writes that were answered may be lost with the server that took them: by its restart, or
-- when a replica takes its place. The id of the server's history is another one then. It is
-- kept beside the counters; where it is another, or is not there any more, something may
-- have been lost, and nobody gets a guess for a while.
local function history()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or 'unknown'
end

-- For how much longer nobody gets a guess, and whether a loss was found just now.
local function guard(now)
  local id, kept = history(), redis.call('GET', KEYS[1])
  if kept then
    local known, closed_until, length = unpack(cmsgpack.unpack(kept))
    if known == id then
      -- A clock that was set back closes for no longer than was meant.
      return math.min(since(closed_until, now), length), false
    end
  end
  local length = tonumber(ARGV[2])
  redis.call('SET', KEYS[1], cmsgpack.pack({ id, now + length, length }))
  return length, true
end

-- Takes a guess from every counter, or from none of them.
-- ARGV[4]: the number of this reservation, or '' where it is only asked who refuses. ARGV[5]
-- on: what counters count by.

local now, counters = instant(), #KEYS - 1
local closed, lost = guard(now)
if closed > 0 then return { 'closed', whole(closed), lost and 1 or 0 } end

local nonce, rules = ARGV[4], {}
local records, packed = load(counters)
local busy, refused, refusing = false, nil, nil
for at, record in ipairs(records) do
  rules[at] = rules_at(at, 5)
  local found = room(record, rules[at], now)
  if found == 'busy' then
    busy = true
  elseif found == 'locked' and not (refused and is_longer(refused, record.lock, now)) then
    refused, refusing = record.lock, at
  end
end

local answer = { 'granted', lost and 1 or 0 }
if refused then
  answer = { 'locked', lost and 1 or 0, refusing - 1, told(refused) }
elseif busy then
  answer = { 'busy', lost and 1 or 0 }
elseif nonce ~= '' then
  for at, record in ipairs(records) do
    local known = false
    for _, slot in ipairs(record.slots) do known = known or slot.nonce == nonce end
    -- The same reservation may come twice, when a connection broke under it.
    if not known then
      local slots = record.slots
      slots[#slots + 1] = { nonce = nonce, at = present(record, now), pending = true }
      if rules[at].ceiling then
        record.consecutive = math.min(record.consecutive + 1, MOST_U32)
      end
    end
    answer[#answer + 1] = record.gen
  end
end
store(records, packed, rules, now)
return answer

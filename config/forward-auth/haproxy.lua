-- Asks the gateway whether a request may pass. It leaves the answer in variables of the
-- transaction, for haproxy.cfg to act on, and who asks in headers for the application.

local CHECK = os.getenv("PORTCULLIS_CHECK")
local IDENTITY = {
  "x-portcullis-user", "x-portcullis-account", "x-portcullis-email",
  "x-portcullis-name", "x-portcullis-groups",
}
-- Told by this script alone, or for one hop only.
local LEFT_OUT = {
  ["x-original-url"] = true, ["x-original-method"] = true, ["x-forwarded-uri"] = true,
  ["x-forwarded-method"] = true, ["x-forwarded-host"] = true, ["x-forwarded-proto"] = true,
  ["content-length"] = true, ["transfer-encoding"] = true, ["connection"] = true,
  ["upgrade"] = true, ["expect"] = true, ["host"] = true,
}

local function first(headers, name)
  return headers and headers[name] and headers[name][0]
end

core.register_action("portcullis", { "http-req" }, function(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not LEFT_OUT[name] then
      local all = {}
      for at, value in pairs(values) do all[at + 1] = value end
      headers[name] = all
    end
  end
  local scheme = txn.f:ssl_fc() == 1 and "https" or "http"
  local host = txn.f:req_fhdr("host") or ""
  headers["x-original-url"] = { scheme .. "://" .. host .. txn.f:url() }
  headers["x-original-method"] = { txn.f:method() }

  local client = core.httpclient()
  local answer = client:get{ url = CHECK, headers = headers, timeout = 5000 }
  local status = answer and answer.status or 0
  txn:set_var("txn.portcullis_status", tostring(status))
  if status == 200 then
    for _, name in ipairs(IDENTITY) do
      local value = first(answer.headers, name)
      if value and value ~= "" then txn.http:req_set_header(name, value) end
    end
    return
  end
  local reason = first(answer and answer.headers, "x-portcullis-reason")
  if reason == "status-unknown" then
    txn:set_var("txn.portcullis_status", "503")
    return
  end
  local location = first(answer and answer.headers, "x-portcullis-location")
  if location then txn:set_var("txn.portcullis_location", location) end
end, 0)

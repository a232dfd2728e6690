-- Written by `python -m deploy.generate`. The health of a AuditExport: whether it is in force, and if not, why.
-- `Stalled` means that nothing happens until somebody acts; `Ready` that the recorder runs what the object says.
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "Being deleted" }
end
local conditions = {}
if obj.status ~= nil then
  if obj.status.observedGeneration ~= nil and obj.metadata.generation ~= nil
      and obj.status.observedGeneration ~= obj.metadata.generation then
    return { status = "Progressing", message = "The operator has not seen this generation yet" }
  end
  for _, condition in ipairs(obj.status.conditions or {}) do
    conditions[condition.type] = condition
  end
end
local ready, stalled, reconciling = conditions.Ready, conditions.Stalled, conditions.Reconciling
if ready == nil then
  return { status = "Progressing", message = "The operator has not seen this object yet" }
end
local message = ready.reason .. ": " .. (ready.message or "")
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if ready.reason == "Suspended" then
  return { status = "Suspended", message = message }
end
if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = message }
end
if ready.status == "Unknown" or (reconciling ~= nil and reconciling.status == "True") then
  return { status = "Progressing", message = message }
end
return { status = "Degraded", message = message }

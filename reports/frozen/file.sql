SELECT base64Encode(content)
FROM frozen_reports FINAL
WHERE trial_id = {trial:String} AND report_id = {report:String} AND file = {file:String}

SELECT base64Encode(content)
FROM frozen_extracts FINAL
WHERE trial_id = {trial:String} AND report_id = {report:String}
ORDER BY piece

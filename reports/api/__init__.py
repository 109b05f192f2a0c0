"""The reading API: routes, sign-in, answers, exports."""

package failovertest

//go:generate go run ./schemas ../internal/karmada/schemas.json.gz

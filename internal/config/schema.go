package config

import (
	"github.com/invopop/jsonschema"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// JSONSchemaExtend adds to the schema of the file what no struct tag can say: the severities that a rule can have.
func (Config) JSONSchemaExtend(s *jsonschema.Schema) {
	if rules, ok := s.Properties.Get("rules"); ok {
		rules.AdditionalProperties = &jsonschema.Schema{
			Type: "string",
			Enum: []any{fleet.Error, fleet.Warning, fleet.Info, fleet.Off},
		}
	}
}

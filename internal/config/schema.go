package config

import (
	"github.com/invopop/jsonschema"
)

// JSONSchemaExtend adds to the schema of the file what no struct tag can say: the severities that a rule can have.
func (Config) JSONSchemaExtend(s *jsonschema.Schema) { byRuleSchema(s, severities) }

// JSONSchemaExtend adds the modes that a rule can have.
func (Admission) JSONSchemaExtend(s *jsonschema.Schema) { byRuleSchema(s, modes) }

func byRuleSchema[T any](s *jsonschema.Schema, words []T) {
	if rules, ok := s.Properties.Get("rules"); ok {
		rules.AdditionalProperties = &jsonschema.Schema{Type: "string"}
		for _, word := range words {
			rules.AdditionalProperties.Enum = append(rules.AdditionalProperties.Enum, word)
		}
	}
}

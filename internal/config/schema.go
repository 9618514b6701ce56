package config

import (
	"maps"
	"slices"

	"github.com/invopop/jsonschema"
)

// JSONSchemaExtend adds to the schema of the file what no struct tag can say: the severities that a rule can have.
// An entry of members may be a mapping.
func (Config) JSONSchemaExtend(s *jsonschema.Schema) {
	byRuleSchema(s, severities)
	members, ok := s.Properties.Get("members")
	if !ok {
		return
	}
	text := func(about string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Description: about} }
	texts := func(about string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, Description: about}
	}
	of := func(required []string, fields map[string]*jsonschema.Schema) *jsonschema.Schema {
		properties := jsonschema.NewProperties()
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			properties.Set(name, fields[name])
		}
		return &jsonschema.Schema{Type: "object", Required: required, Properties: properties,
			AdditionalProperties: jsonschema.FalseSchema}
	}
	mode, effect := text("How Karmada reaches it."), text("")
	mode.Enum, effect.Enum = []any{"Push", "Pull"}, []any{"NoSchedule", "NoExecute", "PreferNoSchedule"}
	taint := of([]string{"key", "effect"}, map[string]*jsonschema.Schema{
		"key": text(""), "value": text(""), "effect": effect})
	described := of([]string{"name"}, map[string]*jsonschema.Schema{
		"name": text("The member's name."), "mode": mode, "provider": text("The Cluster's spec.provider."),
		"region": text("The Cluster's spec.region."),
		"zone":   text("The only one of the Cluster's spec.zones."), "zones": texts("The Cluster's spec.zones."),
		"labels": {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "string"},
			Description: "The Cluster's labels."},
		"taints": {Type: "array", Items: taint, Description: "The Cluster's spec.taints."},
	})
	members.Items = &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, described}}
}

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

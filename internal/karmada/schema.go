package karmada

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// The CRDs of Karmada's own module. failovertest/schemas writes the file; go generate in failovertest runs it.
//
// Source: karmada v1.16.0, v1.17.1 and v1.18.2 charts/karmada/_crds/bases.
//
//go:embed schemas.json.gz
var compressed []byte

// Schemas are those of all kinds of Karmada, in the releases that are known here.
type Schemas struct {
	// Minors are the y of the releases 1.y, sorted.
	Minors []int `json:"minors"`
	// Kinds lead to the schema of an object: by kind ("PropagationPolicy.policy.karmada.io"),
	// version of the API and minor.
	Kinds map[string]map[string]map[int]int `json:"kinds"`
	// Schemas are all there are. A number of one is its place here; 0 is none.
	Schemas []Schema `json:"schemas"`
}

// Schema is what Karmada's CRDs use of a structural schema of Kubernetes.
type Schema struct {
	Type       string         `json:"type,omitempty"`
	Properties map[string]int `json:"properties,omitempty"`
	Required   []string       `json:"required,omitempty"`
	// Items is the schema of a list's entries, Values that of a map's values.
	Items  int `json:"items,omitempty"`
	Values int `json:"values,omitempty"`
	// Keys are the fields that tell the entries of a list apart; Set: no entry occurs twice.
	Keys        []string `json:"keys,omitempty"`
	Set         bool     `json:"set,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Format      string   `json:"format,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	MinLength   *int64   `json:"minLength,omitempty"`
	MaxLength   *int64   `json:"maxLength,omitempty"`
	MinItems    *int64   `json:"minItems,omitempty"`
	MaxItems    *int64   `json:"maxItems,omitempty"`
	IntOrString bool     `json:"intOrString,omitempty"`
	// Open: fields that no schema has are taken as well.
	Open bool `json:"open,omitempty"`
	// HasDefault: a value that is left out is filled in.
	HasDefault bool `json:"default,omitempty"`
}

// schemas are read when the first object asks for them.
var schemas = sync.OnceValue(func() *Schemas {
	var all Schemas
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err == nil {
		err = json.NewDecoder(z).Decode(&all)
	}
	if err != nil {
		panic(fmt.Sprintf("read the schemas of Karmada: %v", err)) // they are part of the program
	}
	return &all
})

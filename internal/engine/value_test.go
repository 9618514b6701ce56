package engine

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// The encoder gives what encoding/json gives, but for lists and maps that are nil and for null fields of objects.
func TestEncodeLikeJSON(t *testing.T) {
	object := map[string]any{
		"text": "x", "yes": true, "int": 3, "int64": int64(-1 << 53), "uint64": uint64(math.MaxUint64),
		"float": 0.25, "whole": 1e9, "number": json.Number("12345678901234567890"),
		"list": []any{"a", 1, map[string]any{"b": []any{}}}, "strings": []string{"a"},
		"map": map[string]string{"k": "v"},
	}
	input := fleet.Input{
		Subject: "Exception", Object: object,
		Exception: &fleet.UsedException{Exception: fleet.Exception{Rule: "r", Document: -1, Line: 700}, Known: true,
			Used: 513},
		File: &fleet.File{
			Path: "p", ReachedBy: []string{"a"}, Problems: []fleet.Problem{{Kind: "syntax", Line: 1}},
			Exceptions: []fleet.Exception{}, KeyDrift: []fleet.KeyDrift{}, PinDrift: []fleet.PinDrift{},
			RegionGaps: []fleet.RegionGap{},
			Documents:  []fleet.Document{{Values: []fleet.Value{{Field: []any{"a", 0}, Class: fleet.Plain}}}},
		},
		Origin: fleet.Origin{File: "f", Field: []any{"items", 2}},
	}
	term, err := newEncoder().encode(&input)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ast.ValueFromReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if term.Value.Compare(want) != 0 {
		t.Errorf("encoded\n%v, want\n%v", term.Value, want)
	}
}

func TestEncodeNil(t *testing.T) {
	got, err := Facts(&fleet.Fleet{
		Clusters: map[string]fleet.Cluster{"a": {}},
		Files:    map[string]fleet.File{"f": {Documents: []fleet.Document{{}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	empty, none := map[string]any{}, []any{}
	origin := map[string]any{"file": "", "document": json.Number("0")}
	want := map[string]any{
		"schema": "", "failoverOrder": none, "members": empty, "agents": empty, "controlPlanes": empty,
		"apiServers":     empty,
		"kustomizations": empty, "objects": empty, "policies": empty, "claims": empty, "products": empty,
		"makers": empty, "applied": empty, "date": "", "karmadaVersion": "",
		"membership": map[string]any{"basis": "", "certain": false, "names": none},
		"clusters": map[string]any{"a": map[string]any{
			"name": "", "entry": "", "declared": false, "fluxVersion": "", "variables": empty, "incomplete": none,
			"origin": origin,
		}},
		"files": map[string]any{"f": map[string]any{
			"path": "", "class": "", "reachedBy": none, "unlistedIn": "", "keyDrift": none, "pinDrift": none,
			"regionGaps": none, "problems": none, "exceptions": none,
			"documents": []any{map[string]any{
				"index": json.Number("0"), "apiVersion": "", "kind": "", "namespace": "", "name": "", "encryption": nil,
				"values": none,
			}},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Facts =\n%v, want\n%v", got, want)
	}
}

// A field that is null is not there, to an API server and to a rule.
func TestEncodeNullFields(t *testing.T) {
	term, err := newEncoder().encode(map[string]any{"a": nil, "b": map[string]any{"c": nil}, "d": []any{nil}})
	if want := ast.MustParseTerm(`{"b": {}, "d": [null]}`); err != nil || !term.Equal(want) {
		t.Errorf("encoded %v, %v, want %v", term, err, want)
	}
}

// YAML has numbers that JSON does not, and a decoder's type that is no fact is an error and no panic.
func TestEncodeOddValues(t *testing.T) {
	term, err := newEncoder().encode(map[string]any{"nan": math.NaN(), "inf": math.Inf(-1)})
	if want := ast.MustParseTerm(`{"nan": "NaN", "inf": "-Inf"}`); err != nil || !term.Equal(want) {
		t.Errorf("encoded %v, %v, want %v", term, err, want)
	}
	if _, err := newEncoder().encode(map[string]any{"f": func() {}}); err == nil {
		t.Error("encoded a function")
	}
}

// Whatever path is read of the facts, it gives what the whole of them has there.
func TestFactsRead(t *testing.T) {
	f, _ := benchFleet(3)
	lazy := newFacts(f)
	whole, err := newEncoder().encode(f)
	if err != nil {
		t.Fatal(err)
	}
	var read func(path storage.Path, want *ast.Term)
	read = func(path storage.Path, want *ast.Term) {
		got, err := lazy.Read(t.Context(), transaction{}, path)
		if err != nil || want.Value.Compare(got.(ast.Value)) != 0 {
			t.Fatalf("%s: %v, %v, want %v", path, got, err, want)
		}
		switch v := want.Value.(type) {
		case ast.Object:
			v.Foreach(func(key, value *ast.Term) {
				read(append(slices.Clone(path), string(key.Value.(ast.String))), value)
			})
		case *ast.Array:
			for i := range v.Len() {
				read(append(slices.Clone(path), strconv.Itoa(i)), v.Elem(i))
			}
		}
		if _, err := lazy.Read(t.Context(), transaction{}, append(slices.Clone(path), "nothing")); !storage.IsNotFound(
			err) {
			t.Fatalf("%s/nothing: %v", path, err)
		}
	}
	read(storage.Path{"fleet"}, whole)
	if got, err := lazy.Read(t.Context(), transaction{}, nil); err != nil ||
		ast.NewObject(ast.Item(ast.StringTerm("fleet"), whole)).Compare(got.(ast.Value)) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := lazy.Read(t.Context(), transaction{}, storage.Path{"rules"}); !storage.IsNotFound(err) {
		t.Error(err)
	}
	// What is remembered by its address is part of the fleet: anything else may be gone, and another value be there.
	all := newEncoder()
	if _, err := all.encode(f); err != nil {
		t.Fatal(err)
	}
	for at := range lazy.enc.seen {
		if all.seen[at] == nil {
			t.Errorf("the facts keep the address of what is not in the fleet: %v", lazy.enc.seen[at])
		}
	}
}

package engine

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// facts are data.fleet for the evaluator: a store that converts what a rule reads into Rego's terms when it is first
// read, and keeps it. A fleet holds far more than rules ever look at, and never changes. Safe for concurrent use.
type facts struct {
	storage.PolicyNotSupported
	storage.TriggersNotSupported
	storage.WritesNotSupported

	fleet reflect.Value
	mu    sync.Mutex
	enc   *encoder
}

func newFacts(f *fleet.Fleet) *facts {
	return &facts{fleet: reflect.ValueOf(f), enc: newEncoder()}
}

// overlaid are the facts of another fleet that shares most of its content with this one: what is shared and was
// converted here is not converted again. The other may be forgotten, this one may not.
func (f *facts) overlaid(other *fleet.Fleet) *facts {
	enc := newEncoder()
	enc.converted = func(at address) *ast.Term {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.enc.seen[at]
	}
	return &facts{fleet: reflect.ValueOf(other), enc: enc}
}

// Read gives the term at a path; what is not there is storage.NotFoundErr.
func (f *facts) Read(_ context.Context, _ storage.Transaction, path storage.Path) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(path) > 0 && path[0] != "fleet" {
		return nil, notFound
	}
	v := f.fleet
	for _, step := range path[min(len(path), 1):] {
		if v = f.enc.child(v, step); !v.IsValid() {
			return nil, notFound
		}
	}
	term, err := f.enc.typed(v)
	if err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	if len(path) == 0 {
		return ast.NewObject(ast.Item(ast.StringTerm("fleet"), term)), nil
	}
	return term.Value, nil
}

// notFound is what most look-ups come to; nobody reads it.
var notFound = &storage.Error{Code: storage.NotFoundErr, Message: "no such fact"}

// child is an entry of a value, as encode has it; not valid where there is none.
func (e *encoder) child(v reflect.Value, step string) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range fieldsOf(v.Type()) {
			if value := v.FieldByIndex(field.index); string(field.key.Value.(ast.String)) == step &&
				!(field.omitEmpty && isEmpty(value)) {
				return value
			}
		}
	case reflect.Map:
		value := v.MapIndex(reflect.ValueOf(step).Convert(v.Type().Key()))
		if value.IsValid() && value.Kind() == reflect.Interface && value.IsNil() {
			return reflect.Value{}
		}
		return value
	case reflect.Slice:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < v.Len() && !strings.HasPrefix(step, "+") {
			return v.Index(i)
		}
	}
	return reflect.Value{}
}

// transaction is the only one there is: facts are read only.
type transaction struct{}

func (transaction) ID() uint64 { return 1 }

// NewTransaction begins nothing.
func (*facts) NewTransaction(context.Context, ...storage.TransactionParams) (storage.Transaction, error) {
	return transaction{}, nil
}

// Commit ends nothing.
func (*facts) Commit(context.Context, storage.Transaction) error { return nil }

// Abort ends nothing.
func (*facts) Abort(context.Context, storage.Transaction) {}

// Truncate is refused: facts are read only.
func (*facts) Truncate(context.Context, storage.Transaction, storage.TransactionParams, storage.Iterator) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr}
}

package admission

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"k8s.io/utils/lru"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// served is a snapshot with what was found in it.
type served struct {
	snapshot  *Snapshot
	judgement *engine.Judgement
	// allowed are the last changes that brought nothing about, by their digests: Flux asks about each change twice,
	// since it tries all objects of a stage in dry runs before it applies the first. Safe for concurrent use.
	//
	// Source: fluxcd/pkg ssa v0.76.2 manager_apply.go:253 and 322 (ApplyAll).
	allowed *lru.Cache
}

const (
	// maxAllowed is more than most Flux Kustomizations apply at once.
	maxAllowed = 4096
	// maxRemembered is the size of a change, in bytes of JSON, beyond which telling it from others
	// takes as long as judging it.
	maxRemembered = 64 << 10
)

func newServed(s *Snapshot, judgement *engine.Judgement) *served {
	return &served{s, judgement, lru.New(maxAllowed)}
}

// introduced are the findings that a change of some size brings about.
func (b *served) introduced(ctx context.Context, change engine.Change, size int) ([]fleet.Finding, error) {
	if size > maxRemembered || change.IsNone() {
		return b.judgement.Introduced(ctx, change)
	}
	text, err := json.Marshal(change) // maps by their keys
	if err != nil {
		return nil, fmt.Errorf("tell the change from others: %w", err)
	}
	digest := sha256.Sum256(text)
	if _, known := b.allowed.Get(digest); known {
		return nil, nil
	}
	found, err := b.judgement.Introduced(ctx, change)
	if err == nil && len(found) == 0 {
		b.allowed.Add(digest, nil)
	}
	return found, err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// logger logs to stderr, and has the libraries do so.
func (a *app) logger(level string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %s: none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	var h slog.Handler
	switch a.logFormat {
	case "json":
		h = slog.NewJSONHandler(a.stderr, options)
	case "text":
		h = slog.NewTextHandler(a.stderr, options)
	default:
		return nil, fmt.Errorf("--log-format %s: neither json nor text", a.logFormat)
	}
	if a.libraries != nil {
		a.libraries(h)
	}
	return slog.New(h), nil
}

// logAnswer logs one answer: what was asked about by its names, and never what is in it. Who asked is in the API
// server's own audit log, under the same UID.
func (h *handler) logAnswer(ctx context.Context, a *answer, took time.Duration) {
	level := slog.LevelInfo
	switch a.outcome {
	case "allow", "skip", busy:
		level = slog.LevelDebug
	case failed, panicked, timeout:
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("verdict", a.outcome), slog.Int("code", a.code),
		slog.Float64("duration", took.Seconds())}
	if a.uid != "" {
		attrs = append(attrs, slog.String("uid", string(a.uid)))
	}
	if a.request != nil {
		attrs = append(attrs, names(a.request)...)
	}
	if len(a.rules) > 0 {
		attrs = append(attrs, slog.Any("rules", a.rules))
	}
	if a.revision != "" {
		attrs = append(attrs, slog.String("revision", a.revision))
	}
	if a.message != "" {
		attrs = append(attrs, slog.String("message", a.message))
	}
	if a.err != nil {
		attrs = append(attrs, slog.String("error", errorText(a.err)))
	}
	if len(a.stack) > 0 {
		attrs = append(attrs, slog.Any("stack", a.stack))
	}
	h.log.LogAttrs(ctx, level, "review", attrs...)
}

// errorText is what an error says, if it is known to quote nothing of the object; else its type.
func errorText(err error) string {
	if known := (*admission.Error)(nil); errors.As(err, &known) {
		return known.Text
	}
	return fmt.Sprintf("%T", err)
}

// names are what a request is about.
func names(req *admissionv1.AdmissionRequest) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("operation", string(req.Operation)), slog.String("group", secret.Name(req.Kind.Group)),
		slog.String("kind", secret.Name(req.Kind.Kind)), slog.String("namespace", secret.Name(req.Namespace)),
		slog.String("name", secret.Name(req.Name)),
	}
	if req.SubResource != "" {
		attrs = append(attrs, slog.String("subresource", secret.Name(req.SubResource)))
	}
	return attrs
}

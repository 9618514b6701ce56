// Command rollcall-webhook judges what is about to change on a Karmada API server, or in a Flux cluster, by the rules
// that rollcall lints the fleet's repository with.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	a := &app{stdout: os.Stdout, stderr: os.Stderr, libraries: logLibraries}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// logLibraries makes Kubernetes' libraries, whose loggers are globals, log as the program does.
func logLibraries(h slog.Handler) {
	log.SetLogger(logr.FromSlogHandler(h))
	klog.SetSlogLogger(slog.New(h))
}

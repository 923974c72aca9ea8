package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/statelab/statelab/join/pipeline"
)

// newJoinLogger returns what a run logs to, or nil for none.
func newJoinLogger(form, level string, w io.Writer) (*slog.Logger, error) {
	var at slog.Level
	switch level {
	case "info":
	case "debug":
		at = slog.LevelDebug
	default:
		return nil, badInput("-log-level %q is neither info nor debug", level)
	}
	options := &slog.HandlerOptions{Level: at}
	switch form {
	case "":
		return nil, nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, badInput("-log %q is neither text nor json", form)
}

// A metricsServer answers GET /metrics.
type metricsServer struct {
	monitor *pipeline.Monitor
	server  *http.Server
	url     string
	done    chan error
}

// serveMetrics listens at an address; an empty one does not.
func serveMetrics(address string, log *slog.Logger) (*metricsServer, error) {
	if address == "" {
		return &metricsServer{}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, badInput("-metrics %s: %w", address, err)
	}
	m := &metricsServer{monitor: &pipeline.Monitor{}, url: fmt.Sprintf("http://%s/metrics", listener.Addr()), done: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.monitor.WriteTo(w) // who no longer reads does not matter
	})
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	if log != nil {
		log.Info("metrics are served", "at", m.url)
	}
	go func() { m.done <- m.server.Serve(listener) }()
	return m, nil
}

// close ends the server at once.
func (m *metricsServer) close() error {
	if m.server == nil {
		return nil
	}
	err := m.server.Close()
	if serr := <-m.done; err == nil && !errors.Is(serr, http.ErrServerClosed) {
		err = serr
	}
	return err
}

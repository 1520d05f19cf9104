package main

import (
	"context"
	"errors"
)

// together runs parts until the first of them ends, then ends the others and
// waits for all. The error is the first one's.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	first := <-ended
	cancel()
	for range len(parts) - 1 {
		<-ended
	}
	if errors.Is(first, context.Canceled) {
		return nil
	}
	return first
}

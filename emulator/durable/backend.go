package durable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/google/uuid"

	wire "lambda-r-runtime/durable"
)

// maxTimeout is the longest execution that Lambda allows.
const maxTimeout = wire.MaxWait * time.Second

// Config configures a Backend.
type Config struct {
	// Invoke runs one invocation of the function, which callers may give any name.
	Invoke func(ctx context.Context, function string, event []byte) (Result, error)

	// Find returns a function that an execution invokes. If nil, that is the function itself.
	Find func(ctx context.Context, name string) (Function, error)

	// Prefix is the ARN of a function without its name.
	Prefix string

	SkipTime bool          // waits and pauses pass at once
	Timeout  time.Duration // of an execution; the longest that Lambda allows if 0
	PageSize int           // bytes of a page of state; 5 MB if 0

	// Dir keeps executions across restarts, unless it is empty.
	Dir string

	Log *slog.Logger
}

// A Result is the answer to an invocation.
type Result struct {
	RequestID     string
	Body          []byte
	FunctionError bool
}

// A Function is one that executions invoke. If it is not durable, its event is the input.
type Function struct {
	Durable bool
	Invoke  func(ctx context.Context, event []byte) (Result, error)
}

// A Backend keeps executions. It is safe for concurrent use.
type Backend struct {
	config Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // invocations and chained invokes

	mu        sync.Mutex
	closed    bool
	byARN     map[string]*execution
	byName    map[string]*execution // by function and name
	callbacks map[string]*execution // by callback id
	order     []*execution
}

// New returns a backend with the executions of its folder, which go on.
func New(c Config) (*Backend, error) {
	if c.Timeout == 0 {
		c.Timeout = maxTimeout
	}
	if c.PageSize == 0 {
		c.PageSize = 5 << 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Backend{
		config: c, ctx: ctx, cancel: cancel,
		byARN: map[string]*execution{}, byName: map[string]*execution{}, callbacks: map[string]*execution{},
	}
	if err := b.load(); err != nil {
		cancel()
		return nil, err
	}
	return b, nil
}

// Resume invokes the executions that New has read and that have not ended. Call it when the function can
// be invoked.
func (b *Backend) Resume() {
	for _, x := range b.all() {
		x.mu.Lock()
		if !x.ended() {
			x.resumeChained()
			x.kick()
		}
		x.mu.Unlock()
	}
}

// Close stops all executions where they are, and waits for what they do.
func (b *Backend) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	for _, x := range b.all() {
		x.mu.Lock()
		x.disarm()
		x.mu.Unlock()
	}
	b.work.Wait()
}

// spawn runs f, unless the backend is closed. Close waits for it.
func (b *Backend) spawn(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.work.Go(f)
	return true
}

func (b *Backend) all() []*execution {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*execution{}, b.order...)
}

// add makes an execution known.
func (b *Backend) add(x *execution) {
	b.byARN[x.ARN], b.byName[x.Function+" "+x.Name] = x, x
	b.order = append(b.order, x)
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// The errors of start.
var (
	errAlreadyStarted = errors.New("an execution with this name and another payload exists")
	errName           = errors.New("the name of an execution must have 1 to 64 letters, digits, hyphens and underscores")
)

// start starts an execution. An empty name stands for a new one. If one with this name and payload
// exists, that is returned. Its depth is 0 unless another execution invokes the function.
func (b *Backend) start(function, name string, input []byte, depth int) (*execution, error) {
	if name == "" {
		name = uuid.NewString()
	}
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("%w, not %.100q", errName, name)
	}
	b.mu.Lock()
	if x := b.byName[function+" "+name]; x != nil {
		b.mu.Unlock()
		if !bytes.Equal([]byte(x.Input), input) {
			return nil, errAlreadyStarted
		}
		return x, nil
	}
	x := newExecution(b, function, name, string(input))
	x.Depth = depth
	b.add(x)
	b.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.record("ExecutionStarted", nil, details{
		"ExecutionTimeout": int(b.config.Timeout / time.Second), "Input": details{"Payload": x.Input, "Truncated": false},
	})
	b.config.Log.Info("durable execution started", "execution", x.Name)
	x.kick()
	x.save()
	return x, nil
}

// Run starts an execution and waits for its end.
func (b *Backend) Run(ctx context.Context, function string, input []byte) (Result, error) {
	x, err := b.start(function, "", input, 0)
	if err != nil {
		return Result{}, err
	}
	if err := b.await(ctx, x); err != nil {
		return Result{RequestID: x.ID}, err
	}
	return x.result(), nil
}

// errClosed is about an execution whose backend was closed before it ended.
var errClosed = errors.New("bootstrap local ends")

// await waits for the end of an execution.
func (b *Backend) await(ctx context.Context, x *execution) error {
	select {
	case <-x.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return errClosed
	}
}

func (b *Backend) execution(arn string) *execution {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byARN[arn]
}

// find returns a function that an execution invokes.
func (b *Backend) find(name string) (Function, error) {
	if b.config.Find != nil {
		return b.config.Find(b.ctx, name)
	}
	invoke := func(ctx context.Context, event []byte) (Result, error) { return b.config.Invoke(ctx, name, event) }
	return Function{Durable: true, Invoke: invoke}, nil
}

// token is the text of the checkpoint token number n.
func (x *execution) token(n int) string { return fmt.Sprintf("%s.%d", x.ID, n) }

// invalidAnswer is the error of an invocation whose answer Lambda does not accept.
func invalidAnswer(text string) *wire.ErrorObject {
	return &wire.ErrorObject{ErrorType: "InvalidParameterValueException", ErrorMessage: text}
}

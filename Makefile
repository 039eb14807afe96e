# telec needs a C compiler and nothing else; `cc -o telec teleclaude.c` does the same as `make`.
#
#   make            ./telec                      make static   build/telec-static: runs anywhere, stripped
#   make run        tries it at once (ARGS=…)    make single   build/telec.c: the program as one file
#   make debug      build/telec-debug: checked   make install  below $(DESTDIR)$(PREFIX)
#   make test       ./test.sh                    make bench    measures, each beside its floor
#   make coverage   lines run by unit and end-to-end tests (ARGS='--unit', ARGS='http_ cli_')
#   make dist       build/dist: the release, for twelve systems (ARGS=linux-s390x: for that one)

PREFIX = /usr/local
STD = -std=c99
WARN = -Wall -Wextra -Wshadow -Wpedantic
OPT = -O2
CFLAGS = $(STD) $(OPT) $(WARN)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OUT = telec
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
MAN = $(SHARE)/man/man1
BASH = $(SHARE)/bash-completion/completions
ZSH = $(SHARE)/zsh/site-functions
FISH = $(SHARE)/fish/vendor_completions.d

# No padding to pages: neither between code and constants nor before what is written.
PACKED = -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,common-page-size=64

SOURCES = teleclaude.c teleclaude.h src/*/*.[ch] src/*/*/*.[ch]

all: $(OUT)

# The one build rule. The other builds are this one with another OUT and other flags.
$(OUT): $(SOURCES)
	$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) -o $@ teleclaude.c

# Compiled in seconds.
run: build
	@$(MAKE) OUT=build/telec-run OPT=-O0 all
	build/telec-run $(ARGS)

debug: build
	@$(MAKE) OUT=build/telec-debug OPT='-O1 -g $(SANITIZE)' all

static: build
	@cc="$$(command -v musl-gcc || echo '$(CC)')" && \
	    $(MAKE) OUT=build/telec-static CC="$$cc" OPT="-fno-pie $$(src/small.sh $$cc)" \
	    LDFLAGS='-static -s -Wl,--gc-sections $(PACKED) $(LDFLAGS)' all

single: build/telec.c

build/telec.c: $(SOURCES) src/single.awk
	@mkdir -p build
	awk -f src/single.awk teleclaude.c > $@

build:
	@mkdir -p build

test:
	./test.sh

coverage:
	tests/coverage.sh $(ARGS)

bench:
	tests/bench/run.sh

dist:
	tests/dist.sh $(ARGS)

install: $(OUT)
	mkdir -p '$(BIN)' '$(MAN)' '$(BASH)' '$(ZSH)' '$(FISH)'
	cp $(OUT) '$(BIN)/telec.new'
	chmod 755 '$(BIN)/telec.new'
	mv -f '$(BIN)/telec.new' '$(BIN)/telec'
	./$(OUT) help --man > '$(MAN)/telec.1'
	./$(OUT) completion bash > '$(BASH)/telec'
	./$(OUT) completion zsh > '$(ZSH)/_telec'
	./$(OUT) completion fish > '$(FISH)/telec.fish'

uninstall:
	rm -f '$(BIN)/telec' '$(MAN)/telec.1' '$(BASH)/telec' '$(ZSH)/_telec' '$(FISH)/telec.fish'

clean:
	rm -rf build telec

.PHONY: all run debug static single test coverage bench dist install uninstall clean

# Needs Rust, Python 3.11 or newer, Node and a C compiler. All else is installed into .local/, which may be deleted.
PYTHON ?= python3

.PHONY: help demo test regression bench deploy smoke-aws stack-up stack-down clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## back up a database, lose it, restore it, prove it equal
	@$(PYTHON) tests/demo/demo.py

test: ## every check: format, lint, dependencies, tests
	@$(PYTHON) tests/local/suite.py

regression: ## dump what PostgreSQL's own tests leave behind, and bring it back
	@$(PYTHON) tests/regression/run.py

bench: ## speed and memory against pg_dump, openssl and an older way to back up files
	@$(PYTHON) tests/bench/run.py

deploy: ## build for Lambda and deploy, guided; ARGUMENTS="--stack NAME --parameters parameters.yaml" asks nothing
	@$(PYTHON) infra/deploy.py $(ARGUMENTS)

smoke-aws: ## show in your own AWS accounts what servers on one machine can't; see docs/not-proven-here.md
	@$(PYTHON) tests/smoke_aws/smoke.py $(ARGUMENTS)

stack-up: ## start PostgreSQL 13 to 18, S3 and Lambda on this machine
	@$(PYTHON) tests/local/stack.py up

stack-down: ## end them
	@$(PYTHON) tests/local/stack.py down

clean: ## end them, and delete all that was installed and built
	@$(PYTHON) tests/local/stack.py down
	@$(PYTHON) tests/local/clean.py

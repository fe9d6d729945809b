"""`python -m agent.models.library`, for a checkout that is not installed."""

from agent.models.library.program import main

raise SystemExit(main())

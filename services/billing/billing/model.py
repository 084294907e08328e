"""Billing without its edges."""

from common.export.decisions import EXPORT_PART
from common.model import ServiceModel
from common.replicas.accounts import replica_accounts, replica_sectors, replica_sites
from common.replicas.models import replica_ai_models

from billing.entitlements import views as entitlements
from billing.entitlements.decisions import ENTITLEMENTS
from billing.plans import views as plans
from billing.plans.decisions import PLANS
from billing.publish import publish
from billing.rates import views as rates
from billing.rates.decisions import RATES
from billing.wallets import views as wallets
from billing.wallets.decisions import WALLET

MODEL = ServiceModel(
    "billing",
    deciders=(WALLET, RATES, PLANS, ENTITLEMENTS, EXPORT_PART),
    publish=publish,
    projections=(wallets.PROJECTION, rates.PROJECTION, plans.PROJECTION, entitlements.PROJECTION),
    replicas=(replica_accounts, replica_sites, replica_sectors, replica_ai_models),
    hears_of_erased=True,
)
